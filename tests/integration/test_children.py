"""Children of a node: started, restarted, adopted, ended."""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

from aether.host.hostlog import MAX_LOG_BYTES
from aether.node.children import Child, Supervisor, bound_logs
from aether.node.clock import MonotonicClock
from aether.tasks import Tasks

CLOCK = MonotonicClock()
PROGRAM = """
import os, pathlib, psutil, signal, sys
pathlib.Path(sys.argv[1], "run", "toy.pid").write_text(f"{os.getpid()} {psutil.Process().create_time()}")
if len(sys.argv) > 2:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
while True:
    signal.pause()
"""


@pytest.fixture
async def data_dir(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ae") as folder:
        root = Path(folder)
        for name in ("run", "logs", "code"):
            (root / name).mkdir()
        (root / "code" / "toy_child.py").write_text(PROGRAM)
        monkeypatch.setenv("PYTHONPATH", str(root / "code"))
        yield root


def supervisor(root: Path, *flags: str) -> Supervisor:
    return Supervisor(Child("toy", ("toy_child", str(root), *flags), 2.0), root, CLOCK)


async def until(condition: Callable[[], bool]) -> None:
    began = CLOCK.now()
    while not condition():
        assert CLOCK.now() - began < 20, "condition not met in time"
        await CLOCK.sleep(POLL_S)


POLL_S = 0.02


def child(root: Path) -> psutil.Process | None:
    try:
        pid = int((root / "run" / "toy.pid").read_text().split()[0])
        process = psutil.Process(pid)
        return process if process.status() != psutil.STATUS_ZOMBIE else None
    except (OSError, ValueError, IndexError, psutil.NoSuchProcess):
        return None


async def test_a_child_that_dies_is_started_again_and_stop_ends_it(data_dir: Path) -> None:
    tasks, watched = Tasks(), supervisor(data_dir)
    tasks.start("watch", watched.run())
    await until(lambda: child(data_dir) is not None)
    first = child(data_dir)
    assert first is not None
    assert first.cmdline()[:3] == [sys.executable, "-m", "toy_child"]
    first.kill()
    await until(lambda: child(data_dir) not in (None, first))
    second = child(data_dir)
    assert second is not None
    await tasks.stop()
    await watched.stop()
    assert child(data_dir) is None
    assert not second.is_running() or second.status() == psutil.STATUS_ZOMBIE


async def test_the_child_of_an_earlier_life_is_adopted(data_dir: Path) -> None:
    tasks = Tasks()
    tasks.start("first life", supervisor(data_dir).run())
    await until(lambda: child(data_dir) is not None)
    first = child(data_dir)
    await tasks.stop()  # as if the node had been killed: the child lives on
    assert child(data_dir) == first
    second_life = supervisor(data_dir)
    tasks = Tasks()
    tasks.start("second life", second_life.run())
    await CLOCK.sleep(POLL_S * 10)
    assert child(data_dir) == first
    await tasks.stop()
    await second_life.stop()
    assert child(data_dir) is None


async def test_a_child_that_ignores_the_request_is_killed(data_dir: Path) -> None:
    tasks, watched = Tasks(), supervisor(data_dir, "stubborn")
    tasks.start("watch", watched.run())
    await until(lambda: child(data_dir) is not None)
    await tasks.stop()
    began = CLOCK.now()
    await watched.stop()
    await until(lambda: child(data_dir) is None)
    assert CLOCK.now() - began < 10


async def test_a_stop_that_runs_out_of_time_leaves_nothing_behind(data_dir: Path) -> None:
    tasks, watched = Tasks(), supervisor(data_dir, "stubborn")
    tasks.start("watch", watched.run())
    await until(lambda: child(data_dir) is not None)
    stubborn = child(data_dir)
    assert stubborn is not None
    await tasks.stop()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(POLL_S):
            await watched.stop()
    await until(lambda: not stubborn.is_running() or stubborn.status() == psutil.STATUS_ZOMBIE)


async def test_logs_of_children_are_moved_aside_before_they_fill_a_disk(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aether.node.children._LOG_LOOK_S", POLL_S)
    logs = data_dir / "logs"
    (logs / "toy.log").write_bytes(b"x" * (MAX_LOG_BYTES + 1))
    tasks = Tasks()
    tasks.start("logs", bound_logs(logs, ["not-yet", "toy"], CLOCK))
    await until(lambda: (logs / "toy.log").stat().st_size == 0)
    with (logs / "toy.log").open("ab") as log:
        log.write(b"y")
    await tasks.stop()
    assert (logs / "toy.log").read_bytes() == b"y"
    assert (logs / "toy.log.1").stat().st_size == MAX_LOG_BYTES + 1
