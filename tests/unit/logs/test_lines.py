"""Lines of the logs as they wait to be sent."""

import logging
import time

from aether.logs.lines import MOST_FIELDS, MOST_TEXT_CHARS, bounded, event_of, line_of
from aether.logs.trace_names import name_traces


def test_a_line_keeps_what_it_says() -> None:
    before = time.time_ns()
    line = line_of(
        {
            "event": "node started",
            "level": "warning",
            "timestamp": "2026-01-01T00:00:00Z",
            "trace_id": "a" * 32,
            "span_id": "b" * 16,
            "port": 80,
            "ok": True,
            "path": ["x"],
        }
    )
    assert (line.text, line.level, line.trace, line.span) == (
        "node started", "warning", "a" * 32, "b" * 16,
    )  # fmt: skip
    assert line.fields == {"port": 80, "ok": True, "path": "['x']"}
    assert before <= line.at_ns <= time.time_ns()


def test_long_texts_are_cut() -> None:
    line = line_of({"event": "x" * 10_000, "more": "y" * 10_000})
    assert len(line.text) == MOST_TEXT_CHARS
    assert len(str(line.fields["more"])) == MOST_TEXT_CHARS
    assert line.trace == ""


class Rude:
    def __str__(self) -> str:
        raise ZeroDivisionError("no text")


def test_whatever_a_value_is_it_can_be_sent() -> None:
    line = line_of({"event": "half \ud800", "big": 2**70, "rude": Rude(), "_record": "ours"})
    assert line.text == "half ?"
    assert line.fields == {"big": str(2**70), "rude": "<Rude>"}
    many = line_of({f"f{number}": number for number in range(100)})
    assert len(many.fields) == MOST_FIELDS


def test_a_record_of_the_standard_library_says_as_much() -> None:
    name_traces()
    records: list[logging.LogRecord] = []
    shop = logging.getLogger("test.lines.orders")
    shop.handle = records.append  # type: ignore[method-assign, assignment] # as a handler would get it
    try:
        int("why")
    except ValueError:
        shop.exception("order %s", 7, extra={"customer": "c-1", "level": "a lie"})
    (record,) = records
    line = line_of(event_of(record))
    assert (line.text, line.level, line.trace) == ("order 7", "error", "")
    assert line.fields["customer"] == "c-1"
    assert set(line.fields) == {"logger", "exception", "customer"}
    assert line.fields["logger"] == "test.lines.orders"
    assert str(line.fields["exception"]).endswith("'why'")


def test_a_line_of_another_process_is_bounded_and_says_who_it_is_of() -> None:
    line = line_of({"event": "x", "node": "a lie"})._replace(text="y" * 10_000)
    known = bounded(line, {"node": "n-1", "slice": "g:a"})
    assert len(known.text) == MOST_TEXT_CHARS
    assert known.fields == {"node": "n-1", "slice": "g:a"}
