"""The circuit breaker by example; the laws are in tests/property/test_breaker_laws.py."""

from aether.core.dataplane.breaker import (
    FAILURES_TO_OPEN,
    FIRST_OPEN_S,
    LONGEST_OPEN_S,
    Breaker,
    BreakerState,
)


def opened(now: float = 0.0) -> Breaker:
    breaker = Breaker()
    for number in range(FAILURES_TO_OPEN):
        assert breaker.failed(now, now) is (number == FAILURES_TO_OPEN - 1)
    return breaker


def test_opens_after_failures_in_a_row() -> None:
    breaker = opened()
    assert breaker.state(0.0) is BreakerState.OPEN
    assert not breaker.allows(0.0)
    assert breaker.open_until == FIRST_OPEN_S


def test_an_answer_breaks_the_row() -> None:
    breaker = Breaker()
    for _ in range(3 * FAILURES_TO_OPEN):
        breaker.failed(0.0, 0.0)
        breaker.answered(0.0)
    assert breaker.state(0.0) is BreakerState.CLOSED
    assert breaker.is_quiet


def test_half_open_lets_one_probe_through_and_its_answer_closes() -> None:
    breaker, now = opened(), FIRST_OPEN_S
    assert breaker.state(now) is BreakerState.HALF_OPEN
    assert breaker.allows(now)
    breaker.started()
    assert not breaker.allows(now)
    assert breaker.answered(now)
    assert breaker.state(now) is BreakerState.CLOSED
    assert breaker.allows(now)
    assert breaker.open_until == 0.0


def test_a_probe_that_fails_opens_for_twice_as_long_up_to_the_longest() -> None:
    breaker, now, times = opened(), 0.0, []
    for _ in range(6):
        times.append(breaker.open_until - now)
        now = breaker.open_until
        breaker.started()
        assert breaker.failed(now, now)
    assert times == [0.5, 1.0, 2.0, 4.0, 4.0, 4.0]
    assert times[0] == FIRST_OPEN_S
    assert times[-1] == LONGEST_OPEN_S


def test_what_began_before_it_opened_says_nothing() -> None:
    breaker = opened(now=1.0)
    breaker.started()
    assert not breaker.answered(0.9)
    assert not breaker.failed(0.9, 1.2)
    assert not breaker.cancelled(0.9)
    assert breaker.is_probing
    assert breaker.state(1.4) is BreakerState.OPEN


def test_after_closing_old_failures_do_not_count() -> None:
    breaker = opened()
    breaker.started()
    breaker.answered(FIRST_OPEN_S)
    for _ in range(2 * FAILURES_TO_OPEN):
        breaker.failed(0.0, 9.0)
    assert breaker.state(9.0) is BreakerState.CLOSED


def test_a_probe_given_up_or_lost_sight_of_makes_room_for_the_next() -> None:
    breaker, now = opened(), FIRST_OPEN_S
    breaker.started()
    assert breaker.cancelled(now)
    assert breaker.allows(now)
    breaker.started()
    assert breaker.idle()
    assert breaker.allows(now)
    assert not breaker.idle()
