"""Forge clusters of fake nodes, real processes all of them, for the tests of forge."""

import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from aether_forge import directory, processes
from aether_forge.cluster import Cluster
from aether_forge.directory import ForgeState
from aether_forge.layout import Layout

FAKE = (sys.executable, str(Path(__file__).with_name("fake_node.py")))
PARTS_AND_HOSTS = 6


@pytest.fixture
def data_dir() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ae", dir="/tmp") as root:
        yield Path(root) / "f"


def free_offset() -> int:
    """Return an offset at which no forge port of the first nodes is taken."""
    for offset in range(11_000, 40_000, 331):
        layout = Layout(Path(), offset)
        ports = [port for n in range(1, 5) for _, port in layout.ports(n).named()]
        if all(is_free(port) for port in ports):
            return offset
    raise AssertionError("no free ports")


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


class Terminal:
    """Keeps what forge says."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)

    def text(self) -> str:
        return "\n".join(self.lines)


@asynccontextmanager
async def running(data_dir: Path, nodes: int = 2) -> AsyncIterator[tuple[Cluster, Terminal]]:
    layout, terminal = Layout(data_dir, free_offset()), Terminal()
    state = ForgeState(port_offset=layout.offset, expect=nodes, nodes=tuple(range(1, nodes + 1)))
    with directory.locked(layout):
        cluster = Cluster(layout, state, terminal.say, program=FAKE)
        try:
            await cluster.up()
            await cluster.wait_ready(30)
            yield cluster, terminal
        finally:
            await cluster.stop()
    for path in directory.node_dirs(layout):
        assert processes.processes_of(path) == []


def count(cluster: Cluster, number: int) -> int:
    return len(processes.processes_of(cluster.layout.node_dir(number)))
