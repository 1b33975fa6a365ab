"""Acknowledged writes survive `kill -9` of every member at once, in the middle of compactions."""

import asyncio
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from aether.ports import Member
from tests.integration.contracts.raft_cluster import new_members

ROOT = Path(__file__).parents[2]
WAIT_S = 40.0


class Processes:
    """Three members as processes; each life ends by `kill`."""

    def __init__(self, directory: Path, members: list[Member]) -> None:
        self._directory = directory
        self._members = members
        self._running: list[asyncio.subprocess.Process] = []
        self._lives = 0

    async def start(self, *, read: bool = False) -> None:
        self._lives += 1
        for member in self._members:
            told = {
                "node": member.node,
                "members": [[known.node, known.address] for known in self._members],
                "directory": str(self._directory),
                "life": str(self._lives),
                "read": read,
            }
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "tests.integration.contracts.store_process",
                json.dumps(told),
                cwd=ROOT,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
            self._running.append(process)

    async def lines(self, at_least: int) -> list[list[str]]:
        """Read of each process until all have said `at_least` lines, or `done`."""

        async def of(process: asyncio.subprocess.Process) -> list[str]:
            assert process.stdout is not None
            said: list[str] = []
            while len(said) < at_least and (line := await process.stdout.readline()):
                said.append(line.decode().strip())
                if said[-1] == "done":
                    break
            return said

        async with asyncio.timeout(WAIT_S):
            return await asyncio.gather(*(of(process) for process in self._running))

    async def kill(self) -> list[str]:
        """Kill all at once; return what else they had said."""
        for process in self._running:
            if process.returncode is None:
                process.kill()
        rest: list[str] = []
        for process in self._running:
            assert process.stdout is not None
            rest += (await process.stdout.read()).decode().splitlines(keepends=True)
            await process.wait()
        self._running.clear()
        return [line.strip() for line in rest if line.endswith("\n")]


@pytest.fixture
def directory() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="ae", dir="/tmp"))
    yield path
    shutil.rmtree(path)


async def test_every_acknowledged_write_survives_killing_all(directory: Path) -> None:
    processes = Processes(directory, new_members(3))
    acknowledged: set[str] = set()
    try:
        for at_least in (90, 131, 77):
            await processes.start()
            said = [line for lines in await processes.lines(at_least) for line in lines]
            said += await processes.kill()
            acknowledged |= {line.split()[1] for line in said if line.startswith("ack ")}
        await processes.start(read=True)
        for lines in await processes.lines(1_000_000):
            assert lines[-1] == "done"
            found = {line.split()[1]: line.split()[2] for line in lines[:-1]}
            assert acknowledged <= found.keys()
            assert set(found.values()) == {"1"}
    finally:
        await processes.kill()
    assert len(acknowledged) >= 3 * (90 + 131 + 77)
