"""Lines of the logs as they wait to be sent."""

import time

from aether.telemetry.otlp.lines import MOST_TEXT_CHARS, line_of


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
