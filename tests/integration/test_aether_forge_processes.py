"""The processes of a node are all found, and none of anybody else."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from aether_forge import directory, processes
from aether_forge.cluster import Cluster
from aether_forge.directory import ForgeState
from aether_forge.layout import Layout
from tests.integration.forge_nodes import (
    FAKE,
    PARTS_AND_HOSTS,
    Terminal,
    data_dir,
    free_offset,
    running,
)

__all__ = ["data_dir"]  # the fixture


def process_of(pid: str) -> psutil.Process | None:
    try:
        return psutil.Process(int(pid))
    except psutil.NoSuchProcess:
        return None


async def test_all_processes_of_a_node_are_known_and_all_end(data_dir: Path) -> None:
    async with running(data_dir) as (cluster, terminal):
        statuses = await cluster.status()
        assert [(s.node, s.state, s.ready, s.processes) for s in statuses] == [
            ("node-1", "running", True, PARTS_AND_HOSTS),
            ("node-2", "running", True, PARTS_AND_HOSTS),
        ]
        assert "fake node --node-id node-2" in cluster.layout.log_file(2).read_text()
    assert "left processes behind" not in terminal.text()


async def test_hosts_that_end_a_moment_after_their_launcher_are_not_left_behind(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_NODE", "lingering")
    async with running(data_dir, 1) as (_, terminal):
        pass
    assert "left processes behind" not in terminal.text()


async def test_hosts_whose_launcher_died_are_killed_with_their_node(data_dir: Path) -> None:
    async with running(data_dir, 1) as (cluster, _):
        hosts = (cluster.layout.node_dir(1) / "run" / "hosts").read_text().split()
        await cluster.kill(1, "launcher")
        assert all(psutil.pid_exists(int(pid)) for pid in hosts)
        await cluster.kill(1, None)
        assert not any(processes.is_live(p) for p in map(process_of, hosts) if p)


def test_a_pid_file_of_a_process_long_gone_names_nobody(data_dir: Path) -> None:
    (data_dir / "run").mkdir(parents=True)
    stranger = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        (data_dir / "run" / "node.pid").write_text(f"{stranger.pid} 12345.0")
        assert processes.part_of(data_dir, "node") is None
        assert processes.processes_of(data_dir) == []
        (data_dir / "run" / "node.pid").write_text("rubbish")
        assert processes.part_of(data_dir, "node") is None
    finally:
        stranger.communicate(b"\n")


async def test_what_a_killed_forge_left_is_ended_before_a_new_one_starts(data_dir: Path) -> None:
    layout, terminal = Layout(data_dir, free_offset()), Terminal()
    state = ForgeState(port_offset=layout.offset, expect=1, nodes=(1,))
    with directory.locked(layout):
        lost = Cluster(layout, state, terminal.say, program=FAKE)
        await lost.up()
        await lost.wait_ready(30)
        old = {process.pid for process in processes.processes_of(layout.node_dir(1))}
        found = Cluster(layout, state, terminal.say, program=FAKE)
        await found.up()
        await found.wait_ready(30)
        now = {process.pid for process in processes.processes_of(layout.node_dir(1))}
        assert not old & now
        assert "ending what an earlier forge left running: node-1" in terminal.text()
        await found.stop()
        await lost.stop()
