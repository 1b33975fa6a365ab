"""This process's pid file: `pid start-time`, as the node reads it."""

import os
from pathlib import Path

from aether.whole_files import write_whole


def write_own_pid(path: Path) -> None:
    """Write pid and start time in seconds since 1970, so that a reused pid is told apart."""
    write_whole(path, f"{os.getpid()} {_started():.2f}\n".encode())


def _started() -> float:
    """Return when this process started: on Linux without a library, to stay small."""
    if not Path("/proc/self/stat").exists():
        import psutil  # noqa: PLC0415 - costs memory that Linux need not pay

        return float(psutil.Process().create_time())
    fields = Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()
    for line in Path("/proc/stat").read_bytes().splitlines():
        if line.startswith(b"btime "):
            return int(line.split()[1]) + int(fields[19]) / os.sysconf("SC_CLK_TCK")
    raise OSError("/proc/stat does not say when this machine started")
