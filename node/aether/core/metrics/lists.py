"""Long lists that came as bytes, read a few entries at a time."""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from aether.core.metrics.work import Work, pieces

_T = TypeVar("_T")

ENTRIES = 32
"""Entries between two pauses, some 0.2 ms of work where they are long."""

_ENTRIES = msgspec.msgpack.Decoder(list[msgspec.Raw])


def read_list(
    data: msgspec.Raw, entry: msgspec.msgpack.Decoder[_T], most: int, check: Callable[[_T], None]
) -> Work[tuple[_T, ...]]:
    """Read a list of at most so many entries, each as `entry` reads it.

    Raises ValueError saying what is wrong with it; `check` raises one for an entry that is no good.
    """
    found: list[_T] = []
    raw = _ENTRIES.decode(data)
    if len(raw) > most:
        raise ValueError(f"a list of {len(raw)} entries; the most is {most}")
    for piece in pieces(raw, ENTRIES):
        for one in piece:
            read = entry.decode(one)
            check(read)
            found.append(read)
        yield
    return tuple(found)
