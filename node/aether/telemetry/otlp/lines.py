"""A line of the logs as it waits to be sent."""

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

MOST_TEXT_CHARS = 4096
"""Longest text sent of one field; what is longer is cut."""
_OWN = frozenset({"event", "level", "timestamp", "trace_id", "span_id"})


class Line(NamedTuple):
    """One line: when, how bad, what, and what belongs to it."""

    at_ns: int
    """Nanoseconds since 1970."""
    level: str
    text: str
    trace: str
    """32 hexadecimal digits, or empty outside of requests."""
    span: str
    fields: Mapping[str, str | int | float | bool]


def line_of(event: Mapping[str, Any]) -> Line:
    """Return the fields of a line that was just written as a line to be sent."""
    return Line(
        at_ns=time.time_ns(),
        level=str(event.get("level", "info")),
        text=_text(event.get("event", "")),
        trace=str(event.get("trace_id", "")),
        span=str(event.get("span_id", "")),
        fields={name: _plain(value) for name, value in event.items() if name not in _OWN},
    )


def _plain(value: object) -> str | int | float | bool:
    return value if isinstance(value, bool | int | float) else _text(value)


def _text(value: object) -> str:
    return str(value)[:MOST_TEXT_CHARS]
