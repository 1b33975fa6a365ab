"""Bytes that are almost right, bytes that are not right at all, and bytes that were made to hurt.

`AETHER_FUZZ_SECONDS` says how long each target is fed (0.5 s unless told), `AETHER_FUZZ_SEED` from which seed.
"""

import os
import pickle
import random
import struct
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path

SECONDS = float(os.environ.get("AETHER_FUZZ_SECONDS", "0.5"))
SEED = int(os.environ.get("AETHER_FUZZ_SEED", "1"))
MOST_BYTES = 64 * 1024
EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 2**63 - 1, 2**64 - 1)


class Marked:
    """Unpickled, it makes the file it was given: whoever does that runs a stranger's code."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return os.mkdir, (str(self._path),)


def hostile(marker: Path) -> list[bytes]:
    """Return inputs made to run code, to take memory, or to go deep."""
    body = pickle.dumps(Marked(marker))
    return [
        b"",
        body,
        struct.pack(">I", len(body)) + body,
        struct.pack(">I", 2**31) + b"x" * 100,
        struct.pack(">I", 2**32 - 1),
        struct.pack("<I", 2**31) + b"x" * 100,
        _bomb(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\x12\4\0\0\0\0\0" + b"\0" * 18,
        b"\x01" + b"\x91" * 100_000,
        b"\x01" + b"\x81\xa0" * 50_000,
        b"\x01\xdd\xff\xff\xff\xff",
        b"\x01\xdf\xff\xff\xff\xff",
        b"\x01\xc6\xff\xff\xff\xff",
        b"\x01\xdb\xff\xff\xff\xff",
        b"\x01\x92\x01" + b"\xdd\x7f\xff\xff\xff" + b"\xc0" * 1000,
    ]


@cache
def _bomb() -> bytes:
    return zlib.compress(bytes(64 * 1024 * 1024), 1)


def mutated(seeds: Sequence[bytes], dice: random.Random) -> bytes:
    """Return a good input with a few things wrong with it."""
    data = bytearray(dice.choice(seeds))
    for _ in range(dice.choice((1, 1, 1, 2, 4, 16))):
        dice.choice(_WAYS)(data, dice, seeds)
    return bytes(data[:MOST_BYTES])


def _flip(data: bytearray, dice: random.Random, seeds: Sequence[bytes]) -> None:
    if data:
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)


def _overwrite(data: bytearray, dice: random.Random, seeds: Sequence[bytes]) -> None:
    at = dice.randrange(len(data) + 1)
    size = dice.choice((1, 2, 4, 8))
    number = dice.choice(EXTREMES) & (2 ** (8 * size) - 1)
    data[at : at + size] = number.to_bytes(size, dice.choice(("big", "little")))


def _cut(data: bytearray, dice: random.Random, seeds: Sequence[bytes]) -> None:
    at = dice.randrange(len(data) + 1)
    del data[at : at + dice.choice((1, 4, 64, len(data)))]


def _insert(data: bytearray, dice: random.Random, seeds: Sequence[bytes]) -> None:
    at = dice.randrange(len(data) + 1)
    data[at:at] = dice.randbytes(dice.choice((1, 4, 33)))


def _splice(data: bytearray, dice: random.Random, seeds: Sequence[bytes]) -> None:
    other = dice.choice(seeds)
    at, start = dice.randrange(len(data) + 1), dice.randrange(len(other) + 1)
    data[at:] = other[start:]


def _repeat(data: bytearray, dice: random.Random, seeds: Sequence[bytes]) -> None:
    at = dice.randrange(len(data) + 1)
    piece = bytes(data[at : at + dice.choice((1, 8, 100))])
    data[at:at] = piece * dice.choice((1, 2, 50))


_WAYS = (_flip, _flip, _overwrite, _cut, _insert, _splice, _repeat)


def inputs(name: str, seeds: Sequence[bytes], seconds: float = SECONDS) -> Iterator[bytes]:
    """Yield bad inputs for so long; the seed of the n-th is `{SEED}/{name}/{n}`."""
    ends_at = time.monotonic() + seconds
    number = 0
    while time.monotonic() < ends_at:
        number += 1
        dice = random.Random(f"{SEED}/{name}/{number}")
        yield dice.randbytes(dice.randrange(200)) if number % 8 == 0 else mutated(seeds, dice)
