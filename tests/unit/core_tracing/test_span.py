"""One span: what of it is read from other processes, and what it says of itself."""

from typing import Any

import msgspec
import pytest

from aether.core.tracing.span import ENTRY, MOST_PROBLEM_CHARS, Span, shortened
from tests.spans import span


def test_a_span_travels_as_an_array() -> None:
    sent = span(1, 2, status=200, to="a:b:1.0.0/0")
    read = msgspec.msgpack.decode(msgspec.msgpack.encode(sent), type=Span)
    assert read == sent
    assert read.ended == 1001.0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("trace", "x"),
        ("id", "0" * 15),
        ("parent", "0" * 17),
        ("kind", "other"),
        ("name", "x" * (MOST_PROBLEM_CHARS + 1)),
        ("began", -1.0),
        ("seconds", -0.1),
        ("status", 1000),
    ],
)
def test_what_is_out_of_bounds_is_not_read(field: str, value: object) -> None:
    fields = list(Span.__struct_fields__)
    plain = msgspec.to_builtins(span(1))
    plain[fields.index(field)] = value
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(plain, Span)


@pytest.mark.parametrize(
    ("fields", "failed"),
    [
        ({"status": 200}, False),
        ({"status": 404, "marks": ENTRY}, False),
        ({"status": 500}, True),
        ({"problem": "lost"}, True),
        ({"status": 0}, False),
        ({"status": 0, "marks": ENTRY}, True),
    ],
)
def test_a_span_failed_when_it_says_why_or_was_answered_so(
    fields: dict[str, Any], *, failed: bool
) -> None:
    assert span(1, **fields).failed is failed


def test_long_texts_are_cut_and_show_it() -> None:
    assert shortened("abc", 3) == "abc"
    assert shortened("abcd", 3) == "ab…"
