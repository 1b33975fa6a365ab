"""etcd beside us: Debian's `etcd-server` with its own defaults, loaded by `h2load`.

h2load speaks HTTP/2 and knows nothing of gRPC: it sends one prepared request again and again, so
every put writes the same key. etcd keeps a new revision each time, as with distinct keys, and saves
itself the growth of its index: to its advantage. It reports a gRPC error as a success, so the
servers' own counters are read before and after and must agree.
"""

import contextlib
import http.client
import json
import os
import re
import signal
import struct
import subprocess
import urllib.request
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.bench.store import cost
from tests.bench.store.peers import MEMBERS, STREAMS, VALUE_BYTES, Load, summarise

KEY = b"bench/key-0000000001"
START_S = 20.0
CALL_S = 5.0
METHOD = {"write": "Put", "read": "Range", "stale": "Range"}
KEEP_WHOLE = 10_000_000
"""Entries before a snapshot when the log is to be kept whole."""


class Etcd:
    """Three members of etcd."""

    name = "etcd"

    def __init__(self) -> None:
        self._folder = Path()
        self._ports: list[int] = []
        self._processes: list[subprocess.Popen[bytes] | None] = []
        self._flags: list[str] = []

    def start(self, folder: Path, *, compaction: bool = True) -> None:
        """Start three members with default timings and fsync on."""
        self._folder = folder
        self._ports = cost.free_ports(2 * MEMBERS)
        self._flags = [] if compaction else ["--snapshot-count", str(KEEP_WHOLE)]
        for kind, message in _messages().items():
            (folder / f"{kind}.bin").write_bytes(message)
        self._processes = [self._launch(member) for member in range(MEMBERS)]
        self.leader()
        cost.wait_until("etcd answers", lambda: self.put(0, KEY.decode(), CALL_S), START_S)

    def _launch(self, member: int) -> subprocess.Popen[bytes]:
        client, peer = (f"http://127.0.0.1:{self._ports[member + at]}" for at in (0, MEMBERS))
        others = ",".join(
            f"e{each}=http://127.0.0.1:{self._ports[each + MEMBERS]}" for each in range(MEMBERS)
        )
        command = ["etcd", "--name", f"e{member}", "--logger", "zap", *self._flags]
        command += ["--data-dir", str(self._folder / f"e{member}")]
        command += ["--listen-client-urls", client, "--advertise-client-urls", client]
        command += ["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer]
        command += ["--initial-cluster", others, "--initial-cluster-token", "bench"]
        with (self._folder / f"e{member}.log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log)

    def stop(self) -> None:
        """End the members at once: nobody needs what they hold."""
        for process in filter(None, self._processes):
            process.kill()
        for process in filter(None, self._processes):
            process.wait(timeout=CALL_S)
        self._processes = []

    def pids(self) -> Sequence[int]:
        """Return the members' processes."""
        return [process.pid for process in filter(None, self._processes)]

    def leader(self) -> int:
        """Ask every member whether it leads."""
        found: list[int] = []

        def known() -> bool:
            for member in range(MEMBERS):
                with contextlib.suppress(OSError, http.client.HTTPException):
                    status = self._call(member, "/v3/maintenance/status", {}, CALL_S)
                    if status.get("leader") == status["header"]["member_id"]:
                        found.append(member)
                        return True
            return False

        cost.wait_until("etcd has a leader", known, START_S)
        return found[0]

    def term(self) -> int:
        """Ask every member for its term."""
        told = [
            self._call(member, "/v3/maintenance/status", {}, CALL_S) for member in range(MEMBERS)
        ]
        return max(int(status["raftTerm"]) for status in told)

    def revision(self) -> int:
        """Read the revision from the header of a linearizable read."""
        key = b64encode(KEY).decode()
        answer = self._call(self.leader(), "/v3/kv/range", {"key": key}, CALL_S)
        return int(answer["header"]["revision"])

    def load(self, kind: str, clients: int, seconds: float) -> Load:
        """Run h2load, one thread, against the leader."""
        leader = self.leader()
        streams = min(STREAMS, clients)
        log = self._folder / "requests.log"
        log.unlink(missing_ok=True)
        command = [
            "h2load",
            "-t1",
            f"-c{clients // streams}",
            f"-m{streams}",
            f"-D{seconds * 1000:.0f}ms",
        ]
        command += [f"--log-file={log}", "-d", str(self._folder / f"{kind}.bin")]
        command += ["-H", "content-type: application/grpc", "-H", "te: trailers"]
        address = f"http://127.0.0.1:{self._ports[leader]}"
        before = self._handled(leader, METHOD[kind])
        began = os.times()
        done = subprocess.run(
            [*command, f"{address}/etcdserverpb.KV/{METHOD[kind]}"],
            capture_output=True,
            text=True,
            check=True,
        )
        ended = os.times()
        cpu = sum(ended[2:4]) - sum(began[2:4])
        handled = self._handled(leader, METHOD[kind]) - before
        if not re.search(r" 0 failed, 0 errored, 0 timeout", done.stdout):
            raise RuntimeError(f"h2load had failures: {done.stdout}")
        rows = [line.split("\t") for line in log.read_text().splitlines()]
        if not len(rows) <= handled <= len(rows) + clients:
            raise RuntimeError(f"h2load counted {len(rows)} calls, etcd answered OK to {handled}")
        return summarise([int(r[0]) / 1e6 for r in rows], [int(r[2]) / 1e6 for r in rows], cpu)

    def _handled(self, member: int, method: str) -> int:
        """Return how many calls of a method this member has answered with OK."""
        address = f"http://127.0.0.1:{self._ports[member]}/metrics"
        with urllib.request.urlopen(address, timeout=CALL_S) as answer:
            text = answer.read().decode()
        found = re.search(
            rf'grpc_server_handled_total{{grpc_code="OK",grpc_method="{method}",.*}} (\S+)', text
        )
        return int(float(found[1])) if found else 0

    def put(self, member: int, key: str, timeout_s: float) -> bool:
        """Write through the JSON gateway of one member."""
        body = {"key": b64encode(key.encode()).decode(), "value": b64encode(b"v" * 100).decode()}
        try:
            return "header" in self._call(member, "/v3/kv/put", body, timeout_s)
        except (OSError, http.client.HTTPException):
            return False

    def _call(self, member: int, path: str, body: object, timeout_s: float) -> dict[str, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self._ports[member], timeout=timeout_s)
        try:
            connection.request("POST", path, json.dumps(body))
            answer: dict[str, Any] = json.loads(connection.getresponse().read())
            return answer
        finally:
            connection.close()

    def kill(self, member: int) -> None:
        """Kill -9 one member."""
        process = self._processes[member]
        if process is not None:
            process.send_signal(signal.SIGKILL)
            process.wait(timeout=CALL_S)
            self._processes[member] = None

    def revive(self, member: int) -> None:
        """Start it again on its directory."""
        self._processes[member] = self._launch(member)

    def serves(self, member: int) -> bool:
        """Whether a linearizable read works."""
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
            body = {"key": b64encode(KEY).decode()}
            return "header" in self._call(member, "/v3/kv/range", body, 1.0)
        return False


def _messages() -> dict[str, bytes]:
    """Return the three requests as gRPC messages, encoded by hand: they are this small."""
    key = _field(1, KEY)
    return {
        "write": _framed(key + _field(2, b"v" * VALUE_BYTES)),
        "read": _framed(key),
        "stale": _framed(key + bytes([7 << 3, 1])),  # RangeRequest.serializable
    }


def _field(number: int, data: bytes) -> bytes:
    """Return a length-delimited protobuf field of less than 128 bytes."""
    return bytes([number << 3 | 2, len(data)]) + data


def _framed(message: bytes) -> bytes:
    return struct.pack(">BI", 0, len(message)) + message


def version() -> str:
    """Return what `etcd --version` says."""
    text = subprocess.run(["etcd", "--version"], capture_output=True, text=True, check=True).stdout
    return text.splitlines()[0].replace(" Version:", "")


def available() -> bool:
    """Whether etcd and h2load are installed."""
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        subprocess.run(["h2load", "--version"], capture_output=True, check=True)
        return bool(version())
    return False
