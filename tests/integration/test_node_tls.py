"""Three nodes whose stores speak mutual TLS: they form, write, lose their leader; strangers stay out."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest

from aether.store.spec import TlsFiles
from tests.certificates import Authority

PORTS = ("management", "router", "cluster", "raft", "mesh")
START_S = 60.0
POLL_S = 0.05


@dataclass
class NodeProcess:
    """A node as its operator starts it."""

    name: str
    folder: Path
    ports: dict[str, int]
    process: "subprocess.Popen[bytes]"

    @property
    def data_dir(self) -> Path:
        return self.folder / self.name

    def ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        connection = HTTPConnection("127.0.0.1", self.ports["management"], timeout=10)
        try:
            connection.request(method, f"/api/v1/{path}", body)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def store_log(self) -> str:
        path = self.data_dir / "logs" / "store.log"
        return path.read_text() if path.exists() else ""

    def kill(self) -> None:
        """End every process of the node, as a lost machine does."""
        pids = [self.process.pid]
        for path in (self.data_dir / "run").glob("*.pid"):
            with suppress(OSError, ValueError, IndexError):
                pids.append(int(path.read_text().split()[0]))
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.kill()


def until(what: str, condition: Callable[[], bool], within_s: float = START_S) -> None:
    ends_at = time.monotonic() + within_s
    while True:
        with suppress(OSError, HTTPException, ValueError, KeyError):
            if condition():
                return
        assert time.monotonic() < ends_at, f"{what}: not within {within_s:g} s"
        time.sleep(POLL_S)


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(server.getsockname()[1]) for server in sockets]
    for server in sockets:
        server.close()
    return ports


def start(
    folder: Path, name: str, ports: dict[str, int], join: int, tls: TlsFiles, expect: int = 3
) -> NodeProcess:
    """Start a node with a configuration file, as an operator would."""
    config = folder / f"{name}.toml"
    lines = [f'node_id = "{name}"', f'data_dir = "{folder / name}"', f"bootstrap_expect = {expect}"]
    lines += [f"{which}_port = {port}" for which, port in ports.items()]
    lines += [f'join = ["127.0.0.1:{join}"]', "[store]"]
    lines += [f'tls_ca = "{tls.ca}"', f'tls_certificate = "{tls.certificate}"']
    config.write_text("\n".join([*lines, f'tls_key = "{tls.key}"', ""]))
    environ = {key: value for key, value in os.environ.items() if not key.startswith("AETHER_")}
    with (folder / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "aether.node", "--config", str(config)],
            stderr=log,
            start_new_session=True,
            env=environ,
        )
    return NodeProcess(name, folder, ports, process)


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ae", dir="/tmp") as root:
        yield Path(root)


@contextmanager
def cluster(folder: Path, authority: Authority) -> Iterator[list[NodeProcess]]:
    given = free_ports(15)
    ports = [dict(zip(PORTS, given[5 * n : 5 * n + 5], strict=True)) for n in range(3)]
    nodes = [
        start(folder, f"n{n + 1}", ports[n], ports[0]["cluster"], authority.issue(f"n{n + 1}"))
        for n in range(3)
    ]
    try:
        for node in nodes:
            until(f"{node.name} writes", lambda node=node: writes(node))  # type: ignore[misc] # the default binds the loop's value
        yield nodes
    finally:
        for node in nodes:
            node.stop()


def writes(node: NodeProcess) -> bool:
    return node.ask("PUT", f"kv/{node.name}", b"1")[0] == 200


def leader(node: NodeProcess) -> str:
    return str(json.loads(node.ask("GET", "status")[1])["leader"])


def stranger(folder: Path, nodes: list[NodeProcess], name: str, tls: TlsFiles) -> NodeProcess:
    """Start one more node that means to join."""
    ports = dict(zip(PORTS, free_ports(5), strict=True))
    return start(folder, name, ports, nodes[0].ports["cluster"], tls)


def test_nodes_with_certificates_form_write_and_lose_their_leader(folder: Path) -> None:
    authority = Authority(folder)
    with cluster(folder, authority) as nodes:
        raft = nodes[0].ports["raft"]
        with socket.create_connection(("127.0.0.1", raft), 5) as plain:
            plain.settimeout(10)
            plain.sendall(b"\0\0\0\7AeRaft\1")
            assert not plain.recv(100).startswith(b"\0\0\0"), "a member must not talk plainly"

        until("a leader is known", lambda: leader(nodes[0]) in ("n1", "n2", "n3"))
        first = leader(nodes[0])
        victim = next(node for node in nodes if node.name == first)
        left = [node for node in nodes if node is not victim]
        victim.kill()
        until("another leads", lambda: leader(left[0]) not in (first, "None"))
        for node in left:
            until("writes go on", lambda node=node: writes(node))  # type: ignore[misc] # the default binds the loop's value

        one = stranger(folder, left, "n8", Authority(folder, "other").issue("n8"))
        try:
            until("it is refused, and both sides log why", lambda: is_refused(one, left), 40)
            until("members say so", lambda: "n8: its certificate is refused" in said_of(left[0]))
            assert not json.loads(one.ask("GET", "status")[1])["leader"]
            assert all(writes(node) for node in left)
        finally:
            one.stop()


def is_refused(one: NodeProcess, others: list[NodeProcess]) -> bool:
    """Whether the newcomer and those it met log why they do not talk."""
    return '"code":"tls"' in one.store_log() and any(
        "its certificate is refused" in node.store_log() for node in others
    )


def said_of(node: NodeProcess) -> str:
    """Return what the member itself says of its condition."""
    return str(json.loads(node.ask("GET", f"cluster/members/{node.name}")[1])["detail"])


def test_a_certificate_of_another_node_is_told_before_anything_starts(folder: Path) -> None:
    ports = dict(zip(PORTS, free_ports(5), strict=True))
    node = start(folder, "n1", ports, ports["cluster"], Authority(folder).issue("n2"), expect=1)
    try:
        assert node.process.wait(30) == 2
        assert "names n2, not n1" in (folder / "n1.log").read_text()
        assert not node.data_dir.exists()
    finally:
        node.stop()


def test_settings_of_tls_that_are_wrong_are_told_together_by_name(folder: Path) -> None:
    files = Authority(folder).issue("n1")
    (folder / "n1.toml").write_text(
        f'node_id = "n1"\ndata_dir = "{folder / "n1"}"\n[store]\n'
        f'tls_ca = "{folder / "missing.pem"}"\ntls_certificate = "{files.certificate}"\n'
    )
    done = subprocess.run(
        [sys.executable, "-m", "aether.node", "--config", str(folder / "n1.toml")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2, done
    assert "store.tls_key" in done.stderr
    assert "is missing" in done.stderr
    assert "missing.pem is not a file" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (folder / "n1" / "store").exists()


def test_a_key_of_another_certificate_is_told_before_anything_starts(folder: Path) -> None:
    authority = Authority(folder)
    mine, other = authority.issue("n1"), authority.issue("n2")
    ports = dict(zip(PORTS, free_ports(5), strict=True))
    files = TlsFiles(ca=mine.ca, certificate=mine.certificate, key=other.key)
    node = start(folder, "n1", ports, ports["cluster"], files, expect=1)
    try:
        assert node.process.wait(30) == 2
        told = (folder / "n1.log").read_text()
        assert str(mine.certificate) in told
    finally:
        node.stop()
