"""Long lists in pages: a cursor names the last item seen, so a page stays right under changes."""

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from aether.errors import Invalid

_T = TypeVar("_T")


def encode_cursor(name: str) -> str:
    """Return an opaque cursor that stands for `name`."""
    return base64.urlsafe_b64encode(name.encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> str:
    """Return what the cursor stands for; raise Invalid for one we did not make."""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        return base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError) as problem:
        raise Invalid(f"cursor {cursor[:64]!r} is not one that a list here gave out") from problem


def page(
    items: Iterable[tuple[str, _T]],
    cursor: str | None,
    limit: int,
    show: Callable[[_T], Mapping[str, Any]],
) -> dict[str, Any]:
    """Return one page of `(name, item)` pairs in order of their names."""
    after = decode_cursor(cursor) if cursor else ""
    rest = sorted((pair for pair in items if pair[0] > after), key=lambda pair: pair[0])
    shown = rest[:limit]
    more = len(rest) > limit
    return {
        "items": [show(item) for _, item in shown],
        "next": encode_cursor(shown[-1][0]) if more else None,
    }
