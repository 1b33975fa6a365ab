"""What processes cost: processor time and memory, read from /proc; ports and waits for tests."""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
POLL_S = 0.02


def cpu_s(pids: Iterable[int]) -> float:
    """Return the processor seconds, user and system, that these processes used so far."""
    return sum(_cpu_of(pid) for pid in pids)


def _cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    return ticks / TICKS_PER_S


def rss_mib(pids: Iterable[int]) -> list[float]:
    """Return the resident memory of each process in MiB."""
    return [
        int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES / 2**20 for pid in pids
    ]


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback interface that nobody uses now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


def wait_until(what: str, holds: Callable[[], bool], timeout_s: float) -> float:
    """Return the seconds until `holds`; raise TimeoutError naming `what` when it never does."""
    began = time.monotonic()
    while time.monotonic() - began < timeout_s:
        if holds():
            return time.monotonic() - began
        time.sleep(POLL_S)
    raise TimeoutError(f"not within {timeout_s:g} s: {what}")


def percentile(ordered: list[float], share: float) -> float:
    """Return the value below which `share` (0 to 1) of the sorted values lie."""
    if not ordered:
        raise ValueError("no values to take a percentile of")
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def settle(seconds: float) -> None:
    """Let the machine be: a measured pause, not a wait for a condition."""
    threading.Event().wait(seconds)
