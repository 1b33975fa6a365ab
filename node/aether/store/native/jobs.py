"""Work on the disk that takes long enough to be done beside the loop."""

from collections.abc import Callable
from typing import Protocol

from aether.store.disk.sync_job import SyncJob


class Job(Protocol):
    """Something to `run` once, in a thread or not, whose end the replica is told.

    Afterwards `Replica.synced` or, when it raised OSError, `Replica.sync_failed`.
    """

    background: bool
    """Whether it may take long (a whole snapshot): never run it in the loop if there are threads."""

    def run(self) -> None:
        """Do it. Raises OSError."""
        ...


class LogSync:
    """A sync of the log, which callers wait for."""

    background = False

    def __init__(self, sync: SyncJob) -> None:
        self.sync = sync

    def run(self) -> None:
        """Do it. Raises DiskFailed."""
        self.sync.run()


class BackgroundJob:
    """A call that touches nothing the loop touches meanwhile, and what follows from it."""

    background = True

    def __init__(
        self,
        call: Callable[[], None],
        then: Callable[[float], None],
        otherwise: Callable[[], None] = lambda: None,
    ) -> None:
        self._call = call
        self.then = then
        """Called in the loop, with the time, after a success."""
        self.otherwise = otherwise
        """Called in the loop after a failure."""

    def run(self) -> None:
        """Do it. Raises OSError."""
        self._call()
