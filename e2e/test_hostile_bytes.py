"""Garbage on every port and socket of a node: nothing executes, nothing dies, memory stays."""

import contextlib
import random
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import grpc
import psutil
import pytest

from e2e.forge import Forge, call, running_forge, wait_until
from e2e.hostile import MOST_SENT_BYTES, Door, doors, never_read, throw, throws

OFFSET = 4000
HELLO = ("--artifact", "examples/asgi_app", "--blueprint", "blueprints/asgi_app.toml")
MOST_MIB = 16.0
SETTLE_S = 10.0
SILENT_CLIENTS = 8
SEED = 4711
Ask: TypeAlias = "grpc.UnaryUnaryMultiCallable[bytes, bytes]"


@pytest.fixture(scope="module")
def forge() -> Iterator[Forge]:
    with running_forge(OFFSET, *HELLO) as cluster:
        yield cluster


def victim_doors(forge: Forge) -> list[Door]:
    """Return the doors of the node that leads: it has the most to lose."""
    node = forge.leader()
    ports = [
        forge.management(node),
        forge.router(node),
        *(base + node + forge.offset for base in (6000, 6100, 6200)),
    ]
    return doors(forge.data_dir / f"node-{node}" / "run", ports)


def memory_mib(forge: Forge) -> dict[int, tuple[str, float]]:
    """Return what each process of the nodes holds: by pid, its command and MiB."""
    found = {}
    for process in forge.processes():
        with contextlib.suppress(psutil.Error):
            words = " ".join(process.cmdline())
            found[process.pid] = (words[:120], process.memory_info().rss / 2**20)
    return found


def serves(forge: Forge) -> None:
    for node in (1, 2, 3):
        assert call(forge.router(node), "GET", "/hello").status == 200
    before = forge.api(1, "status").json()["revision"]
    wait_until(
        "a write is carried out",
        lambda: forge.aether("slice", "scale", "org.example:hello-asgi", "2").returncode == 0,
        20,
    )
    assert forge.api(1, "status").json()["revision"] >= before
    assert forge.leader()


def grown(before: dict[int, tuple[str, float]], after: dict[int, tuple[str, float]]) -> set[str]:
    """Return who holds more than `MOST_MIB` above what it held, and print it for whoever reads a failure."""
    found = {
        f"{pid} {words}: {mib - before[pid][1]:.1f} MiB more"
        for pid, (words, mib) in after.items()
        if mib - before[pid][1] > MOST_MIB
    }
    for line in found:
        print(line)  # noqa: T201 - read when the wait for it ends in vain
    return found


@contextlib.contextmanager
def unharmed(forge: Forge, marker: Path) -> Iterator[None]:
    """Whatever happens inside: the same processes afterwards, hardly larger, serving."""
    serves(forge)
    before = memory_mib(forge)
    yield
    assert not marker.exists(), "something unpickled a stranger's bytes"
    after = memory_mib(forge)
    assert set(after) == set(before), {
        pid: (before | after)[pid] for pid in set(after) ^ set(before)
    }
    # A message on its way to being refused is held until then: what stays is judged, not that.
    wait_until("nothing has grown", lambda: not grown(before, memory_mib(forge)), SETTLE_S)
    serves(forge)


def test_garbage_on_every_door(forge: Forge, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    bad = throws(marker, random.Random(SEED))  # noqa: S311 - the same garbage in every run
    with unharmed(forge, marker):
        for door in victim_doors(forge):
            for data in bad:
                throw(door, data)
            assert not marker.exists(), door.name


def test_clients_that_connect_and_say_nothing(forge: Forge, tmp_path: Path) -> None:
    asked = call(forge.router(forge.leader()), "GET", "/hello")
    with contextlib.ExitStack() as stack, unharmed(forge, tmp_path / "ran"):
        for door in victim_doors(forge):
            for _ in range(SILENT_CLIENTS):
                connection = stack.enter_context(door.connect())
                connection.sendall(door.request[:3])
        serves(forge)
        # Beside all who hold a connection and say nothing, others hear what they heard before.
        again = call(forge.router(forge.leader()), "GET", "/hello")
        assert (again.status, again.body) == (asked.status, asked.body) == (200, asked.body)


def test_clients_that_never_read(forge: Forge, tmp_path: Path) -> None:
    # Inside out: what is held for them must be small while they still are there.
    with contextlib.ExitStack() as stack, unharmed(forge, tmp_path / "ran"):
        for door in victim_doors(forge):
            connection, sent = never_read(door)
            stack.enter_context(connection)
            print(f"{door.name}: took {sent / 2**20:.1f} MiB")  # noqa: T201 - figures for whoever runs this with -s
            assert sent < MOST_SENT_BYTES, f"{door.name} goes on answering who takes nothing"
    serves(forge)


def test_a_compressed_bomb_in_a_call_between_nodes(forge: Forge, tmp_path: Path) -> None:
    cluster = next(door for door in victim_doors(forge) if door.name == "cluster")
    with unharmed(forge, tmp_path / "ran"):
        for method in ("Announce", "Found", "Join", "Forward", "Nothing"):
            with grpc.insecure_channel(
                f"127.0.0.1:{cluster.address}",
                options=[("grpc.max_send_message_length", 2**31 - 1)],
                compression=grpc.Compression.Gzip,
            ) as channel:
                path = f"/aether.proto.v1.Cluster/{method}"
                ask: Ask = channel.unary_unary(path)
                with pytest.raises(grpc.RpcError):
                    ask(bytes(64 * 1024 * 1024), timeout=20)
