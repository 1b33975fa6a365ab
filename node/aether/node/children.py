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

from aether.host.hostlog import bound_log
from aether.ports import Clock

_log = structlog.get_logger()

_FIRST_BACKOFF_S = 0.2
_MOST_BACKOFF_S = 5.0
_STEADY_S = 10.0
"""A child that ran this long starts its next life without a growing pause."""
_LOOK_S = 0.1
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
        self._spawned: asyncio.subprocess.Process | None = None

    async def run(self) -> None:
        """Start or adopt the child, and start it again whenever it ends, until cancelled."""
        backoff = _FIRST_BACKOFF_S
        while True:
            self._process = self._adopt() or await self._start()
            began = self._clock.now()
            await self._wait_for_end(self._process)
            backoff = _FIRST_BACKOFF_S if self._clock.now() - began > _STEADY_S else backoff
            _log.warning("child ended, starting it again", child=self._child.name, after_s=backoff)
            await self._clock.sleep(backoff)
            backoff = min(_MOST_BACKOFF_S, backoff * 2)

    async def end_earlier(self) -> None:
        """End the child of an earlier life of this node, if one lives: it must not be adopted."""
        self._process = self._adopt()
        if self._process is not None:
            _log.info("ending", child=self._child.name, pid=self._process.pid)
            await self.stop()

    async def stop(self) -> None:
        """Ask the child to end, and end its whole session when it does not in time."""
        process, self._process = self._process, None
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
            self._spawned = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                *self._child.arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        _log.info("started", child=self._child.name, pid=self._spawned.pid)
        return psutil.Process(self._spawned.pid)

    async def _wait_for_end(self, process: psutil.Process) -> None:
        if self._spawned is not None and self._spawned.pid == process.pid:
            await self._spawned.wait()
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


def _kill_session(leader: psutil.Process) -> None:
    """Kill a child and whatever it started; it leads a session of its own."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            if os.getsid(process.pid) == leader.pid:
                process.kill()
