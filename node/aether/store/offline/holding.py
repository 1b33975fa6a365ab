"""Holding a data directory, so that no node and no store starts in it meanwhile."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from aether.errors import Conflict

LOCKS = ("node.lock", "store.lock")
"""What a node and a store hold below `run/` while they run."""


class InUse(Conflict):
    """A process of a node works in the data directory."""

    code = "in_use"


@contextmanager
def held(data_dir: Path) -> Iterator[None]:
    """Keep nodes and stores off `data_dir`; raises InUse while one runs there."""
    run = data_dir / "run"
    run.mkdir(mode=0o700, exist_ok=True)
    with ExitStack() as stack:
        for name in LOCKS:
            descriptor = os.open(run / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            stack.callback(os.close, descriptor)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as taken:
                what = name.partition(".")[0]
                raise InUse(
                    f"a {what} runs in {data_dir}: stop it first (run/{what}.pid names it)"
                ) from taken
        yield
