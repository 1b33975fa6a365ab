"""The store through the management API: HTTP/1.1 and JSON in front of it, a whole node around it."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil

from e2e.forge import Forge, running_forge
from tests.bench.store import cost
from tests.bench.store.numbers import PRODUCT, Number
from tests.bench.store.peers import VALUE_BYTES, Load, summarise

PORT_OFFSET = 4100
CLIENTS = (1, 16, 64)
KEY = "bench/key-0000000001"
NODES = (1, 2, 3)


def api_numbers(seconds: float, rounds: int) -> Iterator[Number]:
    """Load the leader's API with h2load over HTTP/1.1, a connection for each client."""
    with (
        tempfile.TemporaryDirectory(prefix="ae", dir="/tmp") as folder,
        running_forge(PORT_OFFSET) as forge,
    ):
        (Path(folder) / "body").write_bytes(b"v" * VALUE_BYTES)
        made = forge.api(1, f"kv/{KEY}", "PUT", b"v" * VALUE_BYTES)
        if made.status >= 300:
            raise RuntimeError(f"PUT {KEY}: {made.status} {made.body!r}")
        for _ in range(rounds):
            for kind in ("write", "read"):
                for clients in CLIENTS:
                    yield from _loaded(forge, Path(folder), kind, clients, seconds)


def _loaded(
    forge: Forge, folder: Path, kind: str, clients: int, seconds: float
) -> Iterator[Number]:
    address = f"http://127.0.0.1:{forge.management(forge.leader())}/api/v1/kv/{KEY}"
    servers = _servers(forge)
    before = {name: cost.cpu_s(pids) for name, pids in servers.items()}
    load = _h2load(folder, address, kind, clients, seconds)
    case = f"api {kind}/{clients}"
    sys.stderr.write(f"{PRODUCT:7} {case:10} {load.ops_s:10,.0f}/s\n")
    yield Number(PRODUCT, case, "ops", load.ops_s, "1/s")
    yield Number(PRODUCT, case, "p50", load.p50_ms, "ms")
    yield Number(PRODUCT, case, "p99", load.p99_ms, "ms")
    for name, pids in servers.items():
        spent = cost.cpu_s(pids) - before[name]
        yield Number(PRODUCT, case, f"cpu_{name}", 10_000 * spent / load.done, "s/10k")


def _servers(forge: Forge) -> dict[str, list[int]]:
    """Return the processes of all nodes that take part in an API call."""
    found: dict[str, list[int]] = {"node": [], "store": []}
    for process in forge.processes():
        line = " ".join(_line(process))
        if "aether.store" in line or "aether: store" in line:
            found["store"].append(process.pid)
        elif "aether.node" in line or "aether: node" in line:
            found["node"].append(process.pid)
    return found


def _line(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.NoSuchProcess:
        return []


def _h2load(folder: Path, address: str, kind: str, clients: int, seconds: float) -> Load:
    log = folder / "requests.log"
    log.unlink(missing_ok=True)
    command = ["h2load", "--h1", "-t1", f"-c{clients}", f"-D{seconds * 1000:.0f}ms"]
    command += [f"--log-file={log}"]
    if kind == "write":
        command += ["-d", str(folder / "body"), "-H", ":method: PUT"]
        command += ["-H", "content-type: application/octet-stream"]
    began = os.times()
    done = subprocess.run([*command, address], capture_output=True, text=True, check=True)
    ended = os.times()
    failed = re.search(r"(\d+) failed, (\d+) errored, (\d+) timeout", done.stdout)
    if failed is None or any(int(count) for count in failed.groups()):
        raise RuntimeError(f"{kind}/{clients}: {done.stdout}")
    rows = [line.split("\t") for line in log.read_text().splitlines()]
    cpu = sum(ended[2:4]) - sum(began[2:4])
    return summarise([int(r[0]) / 1e6 for r in rows], [int(r[2]) / 1e6 for r in rows], cpu)
