"""One store at a time in a data directory, whether it is a process of its own or not."""

import fcntl
import os
from pathlib import Path

from aether.errors import ConfigInvalid


def take_lock(data_dir: Path) -> int:
    """Keep every other store off this directory until the descriptor returned is closed.

    Raises ConfigInvalid while another one has it.
    """
    path = data_dir / "run" / "store.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as problem:
        os.close(descriptor)
        message = f"{data_dir} belongs to a store that is running; stop that process first"
        raise ConfigInvalid([message]) from problem
    return descriptor
