"""A line of a log on its way to a collector: made where it is logged, and parsed nowhere.

Whoever logs must not suffer from what becomes of a line: whatever a value is, it has a text here.
"""

import logging
import time
from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

import msgspec

MOST_TEXT_CHARS = 4096
"""Longest text sent of one field; what is longer is cut."""
MOST_FIELDS = 32
_OWN = frozenset({"event", "level", "timestamp", "trace_id", "span_id"})
_OF_RECORDS = frozenset(
    {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName", "trace"}
)
"""What every record of the standard `logging` has."""
_MOST_INT = 2**63

Field = str | int | float | bool
Nanoseconds = Annotated[int, msgspec.Meta(ge=0, le=_MOST_INT - 1)]


class Line(NamedTuple):
    """One line: when, how bad, what, and what belongs to it."""

    at_ns: Nanoseconds
    """Nanoseconds since 1970."""
    level: str
    text: str
    trace: str
    """32 hexadecimal digits, or empty outside of requests."""
    span: str
    """16 hexadecimal digits, or empty where none is known."""
    fields: Mapping[str, Field]


def line_of(event: Mapping[str, Any]) -> Line:
    """Return the fields of a line that was just written as a line to be sent."""
    return Line(
        at_ns=time.time_ns(),
        level=_text(event.get("level", "info")),
        text=_text(event.get("event", "")),
        trace=_text(event.get("trace_id", "")),
        span=_text(event.get("span_id", "")),
        fields=_fields(event),
    )


def event_of(record: logging.LogRecord) -> dict[str, Any]:
    """Return a record of the standard `logging` in the form of our own lines."""
    event: dict[str, Any] = {
        "event": record.getMessage(),
        "level": record.levelname.lower(),
        "logger": record.name,
    }
    if record.exc_info and record.exc_info[0] is not None:
        event["exception"] = logging.Formatter().formatException(record.exc_info)
    for name in ("trace_id", "span_id"):
        event[name] = getattr(record, name, "")
    for name, value in vars(record).items():
        if name not in _OF_RECORDS:
            event.setdefault(name, value)  # an author's `extra`
    return event


def bounded(line: Line, more: Mapping[str, str]) -> Line:
    """Return a line of another process within our bounds; it says `more`, whatever it said before."""
    return Line(
        line.at_ns,
        _text(line.level),
        _text(line.text),
        _text(line.trace),
        _text(line.span),
        {**_fields(line.fields), **more},
    )


def _fields(event: Mapping[str, Any]) -> dict[str, Field]:
    found: dict[str, Field] = {}
    for name, value in event.items():
        if name in _OWN or name.startswith("_"):
            continue
        found[_text(name)] = _plain(value)
        if len(found) == MOST_FIELDS:
            break
    return found


def _plain(value: object) -> Field:
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and -_MOST_INT <= value < _MOST_INT:
        return int(value)
    return float(value) if isinstance(value, float) else _text(value)


def _text(value: object) -> str:
    try:
        text = str(value)[:MOST_TEXT_CHARS]
    except Exception:  # noqa: BLE001 - an author's `__str__` may raise anything
        return f"<{type(value).__name__}>"
    # Half a pair of surrogates has no bytes in UTF-8, and would spoil all it is sent with.
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
