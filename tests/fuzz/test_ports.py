"""Garbage on the ports of a real store process: nothing runs, nothing ends, memory stays."""

import contextlib
import random
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from aether.core.store.commands import Put, Txn
from aether.store import protocol
from aether.store.native import handshake
from tests.bench.store.cost import free_ports, rss_mib
from tests.fuzz.decoders import decoders
from tests.fuzz.mutations import SEED, hostile, mutated
from tests.soak.caller import REASON, Caller, put
from tests.soak.members import CLUSTER, StoreMember, specs

MOST_MIB = 16.0
START_S = 30.0
MUTANTS = 150
SEND_S = 5.0
POLL_S = 0.05


@pytest.fixture
def member() -> Iterator[StoreMember]:
    """Start a store of one member."""
    with tempfile.TemporaryDirectory(prefix="ae", dir="/tmp") as name:
        folder = Path(name)
        (spec,) = specs([("127.0.0.1", free_ports(1)[0])], [folder / "n1"], "native", {})
        running = StoreMember(spec, folder / "n1.log")
        running.start()
        try:
            await_write(running, "fuzz/before")
            yield running
        finally:
            running.kill()


def await_write(member: StoreMember, key: str) -> None:
    """Return once a write is acknowledged."""
    ends_at = time.monotonic() + START_S
    with Caller(member.spec.socket) as caller:
        while not put(caller, Txn(then=(Put(key, b"v"),), reason=REASON), 1.0):
            assert time.monotonic() < ends_at, member.log.read_text()
            threading.Event().wait(POLL_S)


def throw(connection: socket.socket, data: bytes) -> None:
    """Send, say that nothing more comes, and read until the other side has had enough."""
    connection.settimeout(SEND_S)
    with contextlib.suppress(OSError):
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass


def garbage(marker: Path, names: set[str]) -> list[bytes]:
    """Return what is thrown: made to hurt, almost right, and random."""
    dice = random.Random(SEED)
    seeds = [seed for decoder in decoders() if decoder.name in names for seed in decoder.seeds]
    bad = hostile(marker) + [mutated(seeds, dice) for _ in range(MUTANTS)]
    bad += [dice.randbytes(dice.randrange(4000)) for _ in range(20)]
    return bad + [len(data).to_bytes(4, "big") + data for data in bad]


def check(member: StoreMember, marker: Path, rss_before: float) -> None:
    assert not marker.exists()
    assert member.ended_by_itself() is None, member.log.read_text()
    await_write(member, "fuzz/after")
    assert rss_mib([member.pid])[0] - rss_before <= MOST_MIB
    log = member.log.read_text()
    assert "Traceback" not in log, log


def test_garbage_on_the_raft_port(member: StoreMember, tmp_path: Path) -> None:
    before = rss_mib([member.pid])[0]
    hello = handshake.encode(handshake.Hello(CLUSTER, "n9", "n1", "x", 1, "127.0.0.1:1"))
    introduced = len(hello).to_bytes(4, "big") + hello
    with socket.create_connection(("127.0.0.1", member.spec.port), SEND_S) as connection:
        connection.sendall(introduced)
        # A node that wants to join is heard: what it says next reaches the decoder of packets.
        assert handshake.encode(handshake.Welcome("n1")) in connection.recv(4096)
    for data in garbage(tmp_path / "ran", {"hello", "packet", "stream"}):
        for prefix in (b"", introduced):
            with socket.create_connection(("127.0.0.1", member.spec.port), SEND_S) as connection:
                throw(connection, prefix + data)
    check(member, tmp_path / "ran", before)


def test_garbage_on_the_socket(member: StoreMember, tmp_path: Path) -> None:
    before = rss_mib([member.pid])[0]
    for data in garbage(tmp_path / "ran", {"request", "command"}):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(member.spec.socket))
            throw(connection, data)
    with Caller(member.spec.socket) as caller:
        assert isinstance(caller.status(SEND_S), protocol.Status)
    check(member, tmp_path / "ran", before)
