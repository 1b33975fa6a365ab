"""How people write an amount of memory: `"256MiB"`, `"2GiB"`, or a number of bytes."""

import re

_UNIT_BYTES = {"": 1, "B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_SIZE = re.compile(r"([0-9]{1,15})[ ]?(B|KiB|MiB|GiB|TiB)?")
MAX_BYTES = 2**60
"""Most that can be said; far more than any machine has."""


def parse_size(value: str | int) -> int:
    """Return bytes, more than zero; raise ValueError that says what is accepted."""
    if isinstance(value, str):
        found = _SIZE.fullmatch(value.strip())
        if found is None:
            raise ValueError(
                f'{value!r:.60} is not an amount of memory: write "256MiB", "2GiB" '
                "or a number of bytes"
            )
        size = int(found[1]) * _UNIT_BYTES[found[2] or ""]
    else:
        size = value
    if not 0 < size <= MAX_BYTES:
        raise ValueError(f"{value!r:.60} is not an amount of memory: from 1 byte to {MAX_BYTES}")
    return size


def show_size(count: int) -> str:
    """Return an amount of bytes for people, with three digits at most: `1.4 GiB`."""
    size = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 999.5:
            return f"{size:.3g} {unit}"
        size /= 1024
    return f"{size:.0f} TiB" if size >= 99.5 else f"{size:.3g} TiB"
