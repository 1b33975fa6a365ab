"""A cluster of fake nodes: killed, started again, grown, and what it refuses."""

import os
import signal
from pathlib import Path

import pytest

from aether_forge import directory
from aether_forge.failures import ForgeError
from tests.integration.forge_nodes import PARTS_AND_HOSTS, count, data_dir, running
from tests.integration.rpc_nodes import eventually

__all__ = ["data_dir"]  # the fixture


async def test_a_killed_node_loses_everything_at_once_and_comes_back(data_dir: Path) -> None:
    async with running(data_dir) as (cluster, _):
        await cluster.kill(1, None)
        assert count(cluster, 1) == 0
        assert count(cluster, 2) == PARTS_AND_HOSTS
        assert (await cluster.status())[0].state == "killed"
        assert "started node-1" in await cluster.start(1)
        await cluster.wait_ready(30)
        assert count(cluster, 1) == PARTS_AND_HOSTS


async def test_a_node_that_dies_by_itself_is_reported_and_not_restarted(data_dir: Path) -> None:
    async with running(data_dir) as (cluster, terminal):
        pid = (await cluster.status())[1].pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await eventually(lambda: "node-2 ended by itself (exit code -9)" in terminal.text())
        assert (await cluster.status())[1].state == "ended"
        await cluster.start(2)
        await cluster.wait_ready(30)


async def test_an_added_node_gets_the_next_number_and_joins_live_ones(data_dir: Path) -> None:
    async with running(data_dir) as (cluster, _):
        await cluster.kill(1, None)
        assert "added node-3" in await cluster.add()
        log = cluster.layout.log_file(3)
        await eventually(lambda: log.exists() and "--join" in log.read_text())
        said = log.read_text()
        assert f"--join {cluster.layout.cluster_address(2)}" in said
        assert f"--join {cluster.layout.cluster_address(1)}" not in said
        saved = directory.load_state(cluster.layout)
        assert saved is not None
        assert saved.nodes == (1, 2, 3)
        await cluster.start(1)
        await cluster.wait_ready(30)


async def test_what_cannot_be_done_is_refused(data_dir: Path) -> None:
    async with running(data_dir, 1) as (cluster, _):
        with pytest.raises(ForgeError, match="node-1 runs already"):
            await cluster.start(1)
        with pytest.raises(ForgeError, match="there is no node-7; this forge has node-1"):
            await cluster.kill(7, None)
        await cluster.kill(1, None)
        with pytest.raises(ForgeError, match="no node runs that a new one could join"):
            await cluster.add()
