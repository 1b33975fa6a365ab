"""A whole `aether-forge up`: until a signal, and again."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from aether_forge import processes
from aether_forge.failures import ForgeError
from aether_forge.session import UpOptions, run_up
from tests.integration.forge_nodes import (
    FAKE,
    Terminal,
    data_dir,
    free_offset,
)
from tests.integration.rpc_nodes import eventually

__all__ = ["data_dir"]  # the fixture


def cluster_file(data_dir: Path) -> Path:
    kept = data_dir / "node-1" / "kept"
    kept.touch()
    return kept


async def test_up_runs_until_it_is_told_to_end_and_resumes(data_dir: Path) -> None:
    terminal, offset = Terminal(), free_offset()
    options = UpOptions(data_dir=data_dir, nodes=1, port_offset=offset)

    async def end_when_up(text: str) -> None:
        await eventually(lambda: text in terminal.text(), within_s=60)
        with pytest.raises(ForgeError, match="already runs on"):
            await run_up(options, terminal.say, program=FAKE)
        os.kill(os.getpid(), signal.SIGTERM)

    for _ in range(2):
        terminal.lines.clear()
        async with asyncio.TaskGroup() as group:
            group.create_task(end_when_up("Ctrl-C"))
            group.create_task(run_up(options, terminal.say, program=FAKE))
        assert terminal.lines[-1] == "stopping"
        assert processes.processes_of(data_dir / "node-1") == []
    kept = cluster_file(data_dir)
    fresh = UpOptions(data_dir=data_dir, nodes=1, port_offset=offset, fresh=True)
    terminal.lines.clear()
    async with asyncio.TaskGroup() as group:
        group.create_task(end_when_up("Ctrl-C"))
        group.create_task(run_up(fresh, terminal.say, program=FAKE))
    assert not kept.exists()
