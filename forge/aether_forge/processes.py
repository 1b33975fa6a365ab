"""The processes of a node on this machine: found by pid file and session, ended or killed.

A pid file holds "pid start-time", so that a pid used again by a stranger is told apart. Slice
hosts have no file: they live in the session of the launcher that started them, and when another
launcher has adopted them since, what they write to tells whose they are.
"""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import psutil

PARTS = ("node", "launcher", "router", "store")
"""In the order they are killed: the node first, for it starts the others again."""

SAME_START_S = 1.0
LOOK_S = 0.05
KILL_S = 5.0
"""Longest wait for a process to vanish after SIGKILL."""
SETTLE_S = 2.0
"""Longest wait for hosts that were told to end by a launcher that is gone already."""

_Recorded = tuple[int, float]


def _recorded(node_dir: Path, part: str) -> _Recorded | None:
    """Return pid and start time from a pid file, None when there is no readable one."""
    try:
        pid, started = (node_dir / "run" / f"{part}.pid").read_text().split()
        return int(pid), float(started)
    except (OSError, ValueError):
        return None


def is_live(process: psutil.Process) -> bool:
    """Whether the process runs: neither gone nor a zombie nor its pid taken by another one."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def part_of(node_dir: Path, part: str) -> psutil.Process | None:
    """Return the live process of a node that is this part of it."""
    recorded = _recorded(node_dir, part)
    if recorded is None:
        return None
    try:
        process = psutil.Process(recorded[0])
        same = abs(process.create_time() - recorded[1]) < SAME_START_S
    except psutil.NoSuchProcess:
        return None
    return process if same and is_live(process) else None


def processes_of(node_dir: Path) -> list[psutil.Process]:
    """Return every live process of a node: its parts, all in their sessions, and adopted hosts."""
    recorded = [found for part in PARTS if (found := _recorded(node_dir, part)) is not None]
    logs = f"{(node_dir / 'logs').resolve()}/"
    return [
        process
        for process in _own()
        if _belongs(process, recorded) or _writes_below(process.pid, logs)
    ]


def _own() -> Iterator[psutil.Process]:
    """Yield live processes of this user."""
    mine = os.getuid()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.uids().real == mine and process.pid != os.getpid() and is_live(process):
                yield process


def _belongs(process: psutil.Process, recorded: Iterable[_Recorded]) -> bool:
    """Whether a process is a part or began later in a part's session.

    A session's number is not given to another process while any member of it lives.
    """
    try:
        session, started = os.getsid(process.pid), process.create_time()
    except (ProcessLookupError, psutil.NoSuchProcess):
        return False
    for pid, since in recorded:
        if process.pid == pid and abs(started - since) < SAME_START_S:
            return True
        if session == pid and process.pid != pid and started > since - SAME_START_S:
            return not _taken_over(pid, since)
    return False


def _writes_below(pid: int, logs: str) -> bool:
    """Whether standard output or error of a process is a node's log (Linux only)."""
    for descriptor in (1, 2):
        with contextlib.suppress(OSError):
            if str(Path(f"/proc/{pid}/fd/{descriptor}").readlink()).startswith(logs):
                return True
    return False


def _taken_over(pid: int, since: float) -> bool:
    """Whether the leader of session `pid` is a stranger that got the pid later."""
    try:
        return abs(psutil.Process(pid).create_time() - since) >= SAME_START_S
    except psutil.NoSuchProcess:
        return False


async def kill_part(node_dir: Path, part: str) -> int | None:
    """Kill one process of a node at once; return its pid, None when it does not run."""
    process = part_of(node_dir, part)
    if process is None:
        return None
    _send([process], signal.SIGKILL)
    await _wait_gone([process], KILL_S)
    return process.pid


async def kill_all(node_dir: Path) -> int:
    """Kill every process of a node, as a machine that loses power; return how many there were."""
    killed: set[int] = set()
    deadline = time.monotonic() + KILL_S
    for part in PARTS:
        process = part_of(node_dir, part)
        if process is not None:
            _send([process], signal.SIGKILL)
            killed.add(process.pid)
    while (rest := processes_of(node_dir)) and time.monotonic() < deadline:
        _send(rest, signal.SIGKILL)
        killed |= {process.pid for process in rest}
        await asyncio.sleep(LOOK_S)
    return len(killed)


async def end_all(node_dir: Path, grace_s: float) -> bool:
    """End a node cleanly, then kill what is left after `grace_s`; return whether that was needed.

    The node ends its store, router, launcher and hosts itself; without a node they are asked directly.
    """
    deadline = time.monotonic() + grace_s
    node = part_of(node_dir, "node")
    if node is not None:
        _send([node], signal.SIGTERM)
        await _wait_gone([node], grace_s)
    orphans = [p for part in PARTS[1:] if (p := part_of(node_dir, part)) is not None]
    _send(orphans, signal.SIGTERM)
    await _wait_gone(orphans, max(0.5, deadline - time.monotonic()))
    await _wait_gone(processes_of(node_dir), SETTLE_S)
    return await kill_all(node_dir) > 0


def _send(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)


async def _wait_gone(processes: Iterable[psutil.Process], within_s: float) -> None:
    deadline = time.monotonic() + within_s
    waiting = list(processes)
    while waiting and time.monotonic() < deadline:
        waiting = [process for process in waiting if is_live(process)]
        if waiting:
            await asyncio.sleep(LOOK_S)
