"""What the machine says of itself: cores, memory, disk, network; read by psutil, in a thread."""

from dataclasses import dataclass
from pathlib import Path

import psutil

DISK_EVERY_S = 5.0


@dataclass(frozen=True, slots=True)
class MachineFigures:
    """One reading of the machine; rates are means since the one before."""

    cpu: float = 0.0
    """Share of all cores in use, 0 to 1."""
    cores: int = 1
    memory_used: int = 0
    memory_total: int = 0
    disk_used: int = 0
    disk_total: int = 0
    net_in: float = 0.0
    """Bytes a second, all interfaces but the loopback."""
    net_out: float = 0.0


class MachineSampler:
    """Measures the machine; what it remembers is the reading before. For one thread."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._cores = psutil.cpu_count() or 1
        self._busy = _busy()
        self._net: tuple[float, int, int] | None = None
        self._disk: tuple[float, int, int] | None = None

    def sample(self, now: float) -> MachineFigures:
        """Return how the machine is; `now` is seconds on a monotonic clock."""
        memory = psutil.virtual_memory()
        disk = self._disk_use(now)
        net_in, net_out = self._net_rates(now)
        return MachineFigures(
            cpu=self._cpu(),
            cores=self._cores,
            memory_used=max(memory.total - memory.available, 0),
            memory_total=memory.total,
            disk_used=disk[1],
            disk_total=disk[2],
            net_in=net_in,
            net_out=net_out,
        )

    def _cpu(self) -> float:
        before, self._busy = self._busy, _busy()
        total = self._busy[1] - before[1]
        return min(max((self._busy[0] - before[0]) / total, 0.0), 1.0) if total > 0 else 0.0

    def _disk_use(self, now: float) -> tuple[float, int, int]:
        if self._disk is None or now - self._disk[0] >= DISK_EVERY_S:
            try:
                use = psutil.disk_usage(str(self._data_dir))
            except OSError:
                return self._disk or (now, 0, 0)
            self._disk = (now, use.used, use.used + use.free)
        return self._disk

    def _net_rates(self, now: float) -> tuple[float, float]:
        came = went = 0
        for name, one in psutil.net_io_counters(pernic=True).items():
            if name != "lo":
                came += one.bytes_recv
                went += one.bytes_sent
        before, self._net = self._net, (now, came, went)
        if before is None or now <= before[0]:
            return 0.0, 0.0
        seconds = now - before[0]
        return max(came - before[1], 0) / seconds, max(went - before[2], 0) / seconds


def _busy() -> tuple[float, float]:
    """Return CPU time spent and CPU time there was, of all cores, in seconds since the start."""
    times = psutil.cpu_times()
    # What guests used is in user and nice already.
    idle = times.idle + times.iowait
    total = idle + times.user + times.nice + times.system + times.irq + times.softirq + times.steal
    return total - idle, total
