"""The node's data directory: one owner, private, with the folders every part expects."""

import fcntl
import os
from pathlib import Path

import psutil

from aether.errors import ConfigInvalid

_FOLDERS = ("run", "logs", "store", "router", "artifacts", "slices", "layers")


class DataDir:
    """An open, locked data directory.

    Raises ConfigInvalid when another node process holds it or it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        try:
            for folder in _FOLDERS:
                (self.path / folder).mkdir(parents=True, exist_ok=True)
            (self.path / "run").chmod(0o700)
            self._lock = os.open(self.path / "run" / "node.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as problem:
            message = f"data_dir {self.path} cannot be used: {problem.strerror}"
            raise ConfigInvalid([message]) from problem
        self._take_lock()

    def _take_lock(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as problem:
            os.close(self._lock)
            message = (
                f"data_dir {self.path} belongs to a node that is running; "
                "stop that node or choose another data_dir"
            )
            raise ConfigInvalid([message]) from problem

    def run(self, name: str) -> Path:
        """Return a path below `run/`."""
        return self.path / "run" / name

    def write_pid(self, name: str, pid: int | None = None) -> None:
        """Write `run/{name}.pid`: pid and start time, so that a reused pid is told apart."""
        process = psutil.Process(pid or os.getpid())
        self.run(f"{name}.pid").write_text(f"{process.pid} {process.create_time()}")

    def close(self) -> None:
        """Give the directory up."""
        self.run("node.pid").unlink(missing_ok=True)
        os.close(self._lock)
