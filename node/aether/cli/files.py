"""Reads what the caller hands in, never more than the cluster would take."""

import sys
from pathlib import Path

from aether.cli.failures import InvalidInput


def read_input(path: str, limit: int, what: str) -> bytes:
    """Return the bytes of a file, of standard input for `-`.

    Raises InvalidInput when it cannot be read or holds more than `limit` bytes.
    """
    try:
        if path == "-":
            data = sys.stdin.buffer.read(limit + 1)
        else:
            with Path(path).open("rb") as file:
                data = file.read(limit + 1)
    except OSError as problem:
        raise InvalidInput(f"{path}: {problem.strerror}") from problem
    if len(data) > limit:
        raise InvalidInput(f"{path}: {what} has more than {limit} bytes, the limit")
    return data
