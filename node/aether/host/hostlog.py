"""Log files of hosts: what they write, bounded by copy and truncate."""

import contextlib
import os
import shutil
from pathlib import Path

MAX_LOG_BYTES = 8 * 1024 * 1024
TAIL_BYTES = 2048


def bound_log(path: Path, limit: int = MAX_LOG_BYTES) -> bool:
    """Move a log over `limit` bytes aside to `{name}.1`; say whether that was done.

    The writer keeps its descriptor: it appends, so it goes on at the new, empty end. What it
    writes between copy and truncate is lost.
    """
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size > limit:
            shutil.copyfile(path, path.with_name(path.name + ".1"))
            os.truncate(path, 0)
            return True
    return False


def tail(path: Path, size: int = TAIL_BYTES) -> str:
    """Return the last `size` bytes as text, from the beginning of a line where there is one."""
    try:
        with path.open("rb") as log:
            end = log.seek(0, os.SEEK_END)
            log.seek(max(0, end - size))
            text = log.read(size).decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
    if end > size and "\n" in text:
        text = text.partition("\n")[2]
    return text.strip()
