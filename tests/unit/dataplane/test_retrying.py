"""Whether a request that failed may be sent again."""

from typing import Any

import pytest

from aether.dataplane.heads import RequestHead, RequestReader
from aether.dataplane.retrying import LEAST_LEFT_S, Halt, Setback, halt, is_repeatable


def setback(**differs: Any) -> Setback:
    usual: dict[str, Any] = {
        "is_unsent": False,
        "is_repeatable": True,
        "is_body_kept": True,
        "sends": 1,
        "attempts": 3,
        "left_s": 5.0,
        "has_untried": True,
    }
    return Setback(**{**usual, **differs})


@pytest.mark.parametrize(
    ("differs", "why"),
    [
        ({}, None),
        ({"is_repeatable": False}, Halt.UNSAFE),
        ({"is_body_kept": False}, Halt.BODY_GONE),
        ({"sends": 3}, Halt.ATTEMPTS),
        ({"attempts": 1}, Halt.ATTEMPTS),
        ({"has_untried": False}, Halt.NOBODY_ELSE),
        ({"left_s": LEAST_LEFT_S - 0.001}, Halt.TOO_LATE),
        ({"is_unsent": True, "is_repeatable": False, "attempts": 1}, None),
        ({"is_unsent": True, "has_untried": False}, None),
        ({"is_unsent": True, "is_body_kept": False}, Halt.BODY_GONE),
        ({"is_unsent": True, "left_s": 0.0}, Halt.TOO_LATE),
    ],
)
def test_what_stops_a_repetition(differs: dict[str, Any], why: Halt | None) -> None:
    assert halt(setback(**differs)) is why


def head(start: str, *lines: str) -> RequestHead:
    return RequestReader().read("\r\n".join([start, "Host: h", *lines, "", ""]).encode())


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"])
def test_methods_that_may_be_repeated(method: str) -> None:
    assert is_repeatable(head(f"{method} / HTTP/1.1"), is_trusted=False)


def test_a_post_is_repeatable_by_the_word_of_one_of_us_alone() -> None:
    marked = head("POST / HTTP/1.1", "x-aether-idempotent: 1")
    assert is_repeatable(marked, is_trusted=True)
    assert not is_repeatable(marked, is_trusted=False)
    assert not is_repeatable(head("POST / HTTP/1.1"), is_trusted=True)
