"""The processes a node starts and watches: its store, its router and its launcher.

A child that ends is started again after 0.2, 0.4 … 5 s. Children live in sessions of their own, so
a signal to the node's terminal does not reach them and they outlive a node that is killed.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
import structlog

from aether.errors import Unavailable
from aether.host.hostlog import bound_log
from aether.ports import Clock
from aether.tasks import Tasks

_log = structlog.get_logger()

_FIRST_BACKOFF_S = 0.2
_MOST_BACKOFF_S = 5.0
_STEADY_S = 10.0
"""A child that ran this long starts its next life without a growing pause."""
_LOOK_S = 0.1
_REPLACE_LOOK_S = 0.02
_SERVES_S = 60.0
"""Longest time until a process that takes the place of another serves."""
_LOG_LOOK_S = 5.0


@dataclass(frozen=True, slots=True)
class Child:
    """A kind of process: its name, and its command line after `python -m`."""

    name: str
    arguments: tuple[str, ...]
    stop_timeout_s: float


class Supervisor:
    """Keeps one child process alive, adopting the one an earlier life of this node started."""

    def __init__(self, child: Child, data_dir: Path, clock: Clock) -> None:
        self._child = child
        self._log_path = data_dir / "logs" / f"{child.name}.log"
        self._pid_path = data_dir / "run" / f"{child.name}.pid"
        self._clock = clock
        self._process: psutil.Process | None = None
        self._spawned: dict[int, asyncio.subprocess.Process] = {}
        self._replaced: list[psutil.Process] = []
        self._changing = asyncio.Lock()
        self._tasks = Tasks()

    @property
    def pid(self) -> int:
        """Return the pid of the child; 0 while there is none."""
        return self._process.pid if self._process is not None else 0

    async def run(self) -> None:
        """Start or adopt the child, and start it again whenever it ends, until cancelled."""
        backoff = _FIRST_BACKOFF_S
        while True:
            async with self._changing:
                self._process = self._adopt() or await self._start()
            began = self._clock.now()
            await self._wait_for_last()
            backoff = _FIRST_BACKOFF_S if self._clock.now() - began > _STEADY_S else backoff
            _log.warning("child ended, starting it again", child=self._child.name, after_s=backoff)
            await self._clock.sleep(backoff)
            backoff = min(_MOST_BACKOFF_S, backoff * 2)

    async def _wait_for_last(self) -> None:
        """Wait until the child has ended, and no other has taken its place meanwhile."""
        while True:
            process = self._process
            if process is None:
                return
            await self._wait_for_end(process)
            async with self._changing:
                if self._process is process:
                    return

    async def replace(self, see_off_s: float) -> int:
        """Start another process that takes the child's place by itself; return its pid.

        It has done so when the pid file names it. The one before ends by itself, and is killed
        when it has not within `see_off_s` seconds. Raises Unavailable, with the child as it was,
        when the new one does not come to serve.
        """
        async with self._changing:
            earlier = self._process
            made = await self._start()
            try:
                await self._wait_until_it_serves(made)
            except BaseException:
                _kill(made)
                raise
            self._process = made
        if earlier is not None and _lives(earlier):
            self._replaced.append(earlier)
            self._tasks.start(f"see off {earlier.pid}", self._see_off(earlier, see_off_s))
        return made.pid

    async def _wait_until_it_serves(self, process: psutil.Process) -> None:
        try:
            async with asyncio.timeout(_SERVES_S):
                while self._named() != process.pid:
                    if not _lives(process):
                        raise Unavailable(
                            f"the new {self._child.name} ended at once; the one before serves on: "
                            f"{self._log_path} says why"
                        )
                    await self._clock.sleep(_REPLACE_LOOK_S)
        except TimeoutError as late:
            raise Unavailable(
                f"the new {self._child.name} did not serve within {_SERVES_S:g} s; the one before "
                f"serves on: {self._log_path} may say why"
            ) from late

    async def _see_off(self, process: psutil.Process, longest_s: float) -> None:
        try:
            async with asyncio.timeout(longest_s):
                await self._wait_for_end(process)
        except TimeoutError:
            _log.warning("replaced child does not end, killing it", child=self._child.name)
            _kill(process)
        self._replaced.remove(process)

    def _named(self) -> int:
        """Return the pid in the pid file; 0 when there is none."""
        try:
            return int(self._pid_path.read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return 0

    async def end_earlier(self) -> None:
        """End the child of an earlier life of this node, if one lives: it must not be adopted."""
        self._process = self._adopt()
        if self._process is not None:
            _log.info("ending", child=self._child.name, pid=self._process.pid)
            await self.stop()

    async def stop(self) -> None:
        """Ask the child to end, and end its whole session when it does not in time."""
        process, self._process = self._process, None
        await self._tasks.stop()
        for each in self._replaced:
            _kill(each)
        self._replaced.clear()
        if process is None:
            return
        try:
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(self._child.stop_timeout_s):
                await self._wait_for_end(process)
        except psutil.NoSuchProcess:
            pass
        except TimeoutError:
            _log.warning("child does not end, killing it", child=self._child.name)
        finally:
            # Also when our own time is up: nothing of a node that stops may stay behind.
            if _lives(process):
                _kill_session(process)
                await self._wait_for_end(process)
            self._pid_path.unlink(missing_ok=True)

    def _adopt(self) -> psutil.Process | None:
        """Return the living child of an earlier life of this node, if there is one."""
        try:
            pid, created = self._pid_path.read_text().split()
            process = psutil.Process(int(pid))
            if abs(process.create_time() - float(created)) < 1.0 and _lives(process):
                _log.info("adopted", child=self._child.name, pid=process.pid)
                return process
        except (OSError, ValueError, psutil.Error):
            pass
        return None

    async def _start(self) -> psutil.Process:
        with self._log_path.open("ab") as log:
            spawned = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                *self._child.arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._spawned[spawned.pid] = spawned
        _log.info("started", child=self._child.name, pid=spawned.pid)
        return psutil.Process(spawned.pid)

    async def _wait_for_end(self, process: psutil.Process) -> None:
        spawned = self._spawned.get(process.pid)
        if spawned is not None:
            await spawned.wait()
            self._spawned.pop(process.pid, None)
            return
        # An adopted process is nobody's child here, so its end is looked for, not waited on.
        while _lives(process):
            await self._clock.sleep(_LOOK_S)


async def bound_logs(logs: Path, names: Sequence[str], clock: Clock) -> None:
    """Move what children log aside whenever it is over 8 MiB, so that it fills no disk."""
    while True:
        for name in names:
            try:
                await asyncio.to_thread(bound_log, logs / f"{name}.log")
            except OSError as problem:
                _log.warning("a log could not be bounded", child=name, problem=str(problem))
        await clock.sleep(_LOG_LOOK_S)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _kill(process: psutil.Process) -> None:
    with contextlib.suppress(psutil.Error, ProcessLookupError):
        process.kill()


def _kill_session(leader: psutil.Process) -> None:
    """Kill a child and whatever it started; it leads a session of its own."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            if os.getsid(process.pid) == leader.pid:
                process.kill()
