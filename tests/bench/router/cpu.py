"""Processor time and memory of a tree of processes."""

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Tree:
    """A process and all it started."""

    pid: int

    def pids(self) -> list[int]:
        """Return the processes of the tree."""
        root = psutil.Process(self.pid)
        return [self.pid, *sorted(each.pid for each in root.children(recursive=True))]

    def cpu_s(self) -> float:
        """Return the seconds, user and system, that all threads of the tree used so far."""
        return self._sum(lambda pid: time.clock_gettime(_clock_of(pid)))

    def rss_mib(self) -> float:
        """Return the resident memory of the tree, in MiB."""
        return self._sum(lambda pid: psutil.Process(pid).memory_info().rss / 2**20)

    def pss_mib(self) -> float:
        """Return its memory with each shared page divided among those that share it, in MiB."""
        return self._sum(lambda pid: psutil.Process(pid).memory_full_info().pss / 2**20)

    def _sum(self, of: Callable[[int], float]) -> float:
        """Add up what is asked of each process; one that ends meanwhile counts nothing."""
        total = 0.0
        for pid in self.pids():
            with contextlib.suppress(psutil.NoSuchProcess, OSError):
                total += of(pid)
        return total


def _clock_of(pid: int) -> int:
    """Return Linux's clock of a process's processor time, exact to the nanosecond.

    The kernel's number of it: the complement of the pid, three bits up, and 2 for "what the
    scheduler counted, all threads together". `/proc/PID/stat` knows hundredths of a second only.
    """
    return (~pid << 3) | 2
