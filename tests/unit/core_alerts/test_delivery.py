import hashlib
import hmac

import pytest

from aether.core.alerts.delivery import (
    BREAKER_AFTER,
    MOST_AGE_S,
    OPEN_S,
    REFUSALS,
    Target,
    after,
    given_up,
    is_given_up,
    signature,
    verdict,
)


@pytest.mark.parametrize(
    ("status", "what"),
    [
        (200, "delivered"), (204, "delivered"), (302, "refused"), (400, "refused"),
        (404, "refused"), (408, "failed"), (429, "failed"), (500, "failed"), (None, "failed"),
    ],
)  # fmt: skip
def test_what_an_answer_means(status: int | None, what: str) -> None:
    assert verdict(status) == what


def test_waits_double_until_the_breaker_opens() -> None:
    target, waits = Target(), []
    for _ in range(BREAKER_AFTER + 2):
        target = after(target, "failed", 100.0)
        waits.append(target.next_at - 100.0)
    assert waits == [1.0, 2.0, 4.0, 8.0, OPEN_S, OPEN_S, OPEN_S]
    assert target.is_open


def test_one_success_closes_it() -> None:
    target = Target(failures=9, refusals=2, next_at=7.0)
    assert after(target, "delivered", 100.0) == Target()


def test_an_event_refused_again_and_again_is_given_up_and_the_failures_still_count() -> None:
    target = Target()
    for _ in range(REFUSALS):
        assert not is_given_up(target, 0.0)
        target = after(target, "refused", 0.0)
    assert is_given_up(target, 0.0)
    assert given_up(target) == Target(failures=REFUSALS, next_at=target.next_at)


def test_failures_alone_give_nothing_up_but_age_does() -> None:
    target = Target(failures=99)
    assert not is_given_up(target, MOST_AGE_S)
    assert is_given_up(target, MOST_AGE_S + 1)


def test_the_signature_is_what_a_receiver_computes() -> None:
    body = b'{"id": "7.0"}'
    expected = hmac.new(b"key", b"1700000000." + body, hashlib.sha256).hexdigest()
    assert signature("key", 1_700_000_000, body) == f"sha256={expected}"
