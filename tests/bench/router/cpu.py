"""Processor time and memory of a tree of processes."""

import time
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
        return sum(time.clock_gettime(_clock_of(pid)) for pid in self.pids())

    def rss_mib(self) -> float:
        """Return the resident memory of the tree, in MiB."""
        return sum(psutil.Process(pid).memory_info().rss for pid in self.pids()) / 2**20

    def pss_mib(self) -> float:
        """Return its memory with each shared page divided among those that share it, in MiB."""
        return sum(psutil.Process(pid).memory_full_info().pss for pid in self.pids()) / 2**20


def _clock_of(pid: int) -> int:
    """Return Linux's clock of a process's processor time, exact to the nanosecond.

    The kernel's number of it: the complement of the pid, three bits up, and 2 for "what the
    scheduler counted, all threads together". `/proc/PID/stat` knows hundredths of a second only.
    """
    return (~pid << 3) | 2
