"""Spans for tests, with as little said of each as the test needs."""

from typing import Any

import msgspec

from aether.core.tracing.span import Span

TRACE = "0af7651916cd43dd8448eb211c80319c"


def span(number: int, parent: int | str = 0, **fields: Any) -> Span:
    """Return a span with an id made of a number; parent 0 is none."""
    given: dict[str, Any] = {
        "trace": TRACE,
        "id": span_id(number),
        "parent": parent if isinstance(parent, str) else (span_id(parent) if parent else ""),
        "kind": "part",
        "name": f"work {number}",
        "began": 1000.0,
        "seconds": 1.0,
        "node": "n-1",
    }
    return Span(**(given | fields))


def span_id(number: int) -> str:
    """Return the id of a span by its number."""
    return f"{number:016x}"


def plain(*spans: Span) -> list[object]:
    """Return spans as they come off a link."""
    return [msgspec.to_builtins(each) for each in spans]
