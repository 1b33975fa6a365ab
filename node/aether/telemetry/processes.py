"""What the kernel says of a process: CPU time, memory, threads, open files; read from /proc."""

import os
from dataclasses import dataclass

from aether.core.metrics.samples import InstanceSample

_TICK_S = 1.0 / os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_UTIME, _STIME, _THREADS, _STARTED, _RSS = 11, 12, 17, 19, 21
"""Places in /proc/PID/stat, counted from the state, which follows the name in parentheses."""
FDS_EVERY_S = 5.0
"""Open files are counted this often: of all that is read of a process it takes the longest."""


@dataclass(frozen=True, slots=True)
class ProcessTimes:
    """One reading of a process."""

    started: int
    """When it began, in ticks since the machine did: tells a pid that was given again."""
    cpu_s: float
    """CPU time since then, all threads, without children."""
    threads: int
    rss: int
    """Resident bytes."""


def read_process(pid: int) -> ProcessTimes | None:
    """Return how a process is, None when there is none any more."""
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:  # noqa: PTH123 - a hundred a second: a path object doubles the time
            text = file.read(1024)
    except OSError:
        return None
    fields = text[text.rfind(b")") + 2 :].split(b" ", _RSS + 1)
    if len(fields) <= _RSS or fields[0] in (b"Z", b"X"):
        return None
    return ProcessTimes(
        started=int(fields[_STARTED]),
        cpu_s=(int(fields[_UTIME]) + int(fields[_STIME])) * _TICK_S,
        threads=int(fields[_THREADS]),
        rss=int(fields[_RSS]) * _PAGE,
    )


def count_fds(pid: int) -> int:
    """Return how many files a process has open; 0 when that cannot be read."""
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 - as above
    except OSError:
        return 0


@dataclass(slots=True)
class _Known:
    times: ProcessTimes
    at: float
    fds: int
    fds_at: float
    cpu: float = 0.0


@dataclass(frozen=True, slots=True)
class HostProcess:
    """The process of one instance."""

    instance: str
    pid: int
    in_flight: int


class ProcessSampler:
    """Measures host processes; what it remembers of each is the reading before. For one thread."""

    def __init__(self) -> None:
        self._known: dict[int, _Known] = {}

    def sample(self, hosts: list[HostProcess], now: float) -> tuple[InstanceSample, ...]:
        """Return how these processes are; those that are gone are left out.

        CPU is the mean since the reading before, 0 at the first. `now` is seconds on a monotonic
        clock.
        """
        known: dict[int, _Known] = {}
        found: list[InstanceSample] = []
        for host in hosts:
            one = self._read(host.pid, now)
            if one is not None:
                known[host.pid] = one
                times = one.times
                found.append(
                    InstanceSample(
                        host.instance, one.cpu, times.rss, times.threads, one.fds, host.in_flight
                    )
                )
        self._known = known
        return tuple(found)

    def _read(self, pid: int, now: float) -> _Known | None:
        times = read_process(pid)
        if times is None:
            return None
        before = self._known.get(pid)
        if before is None or before.times.started != times.started:
            # The first count of files comes some time within the period, so that not all come at once.
            return _Known(times, now, count_fds(pid), now - (pid % 10) * FDS_EVERY_S / 10)
        one = _Known(times, now, before.fds, before.fds_at, before.cpu)
        if now > before.at:
            one.cpu = max(times.cpu_s - before.times.cpu_s, 0.0) / (now - before.at)
        if now - before.fds_at >= FDS_EVERY_S:
            one.fds, one.fds_at = count_fds(pid), now
        return one
