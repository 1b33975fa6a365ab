"""One node process: its parts, its ports, a start that fails, an end that is forced."""

import socket
from pathlib import Path

import pytest

from aether_forge import cluster as cluster_module
from aether_forge import processes
from aether_forge.failures import ForgeError
from tests.integration.forge_nodes import PARTS_AND_HOSTS, count, data_dir, running

__all__ = ["data_dir"]  # the fixture


@pytest.mark.parametrize("part", processes.PARTS)
async def test_one_process_can_be_killed_alone(data_dir: Path, part: str) -> None:
    async with running(data_dir, 1) as (cluster, terminal):
        node_dir = cluster.layout.node_dir(1)
        await cluster.kill(1, part)
        assert processes.part_of(node_dir, part) is None
        assert count(cluster, 1) == PARTS_AND_HOSTS - 1
        with pytest.raises(ForgeError, match=f"has no {part} process"):
            await cluster.kill(1, part)
        assert "ended by itself" not in terminal.text()


async def test_a_taken_port_is_named_with_the_remedy(data_dir: Path) -> None:
    async with running(data_dir, 1) as (cluster, _):
        port = cluster.layout.ports(2).mesh
        with socket.socket() as other:
            other.bind(("127.0.0.1", port))
            other.listen()
            with pytest.raises(ForgeError, match=f"mesh port {port} of node-2 .* --port-offset"):
                await cluster.add()
        assert cluster.numbers == [1]


async def test_a_node_that_cannot_start_fails_the_cluster_with_its_last_words(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_NODE", "crash")
    with pytest.raises(ForgeError, match="no good reason"):
        async with running(data_dir, 1):
            pytest.fail("it cannot come up")


async def test_a_node_that_ignores_sigterm_is_killed_in_the_end(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_NODE", "stubborn")
    monkeypatch.setattr(cluster_module, "STOP_S", 0.5)
    async with running(data_dir, 1):
        pass
