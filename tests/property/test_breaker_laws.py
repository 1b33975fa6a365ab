"""Laws of the circuit breaker, over generated lives of one endpoint."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from aether.core.dataplane.breaker import (
    FAILURES_TO_OPEN,
    LONGEST_OPEN_S,
    Breaker,
    BreakerState,
)

ENDS = ("answered", "failed", "cancelled")
steps = st.lists(
    st.tuples(st.floats(0, 2), st.sampled_from(("start", *ENDS)), st.integers(0, 9)),
    max_size=80,
)


class Life:
    """A breaker whose caller keeps the rules: it asks before it starts, and ends what it started."""

    def __init__(self) -> None:
        self.breaker = Breaker()
        self.now = 0.0
        self.under_way: list[float] = []
        self.probes = 0

    def step(self, pause: float, what: str, which: int) -> None:
        self.now += pause
        if what == "start":
            if self.breaker.allows(self.now):
                self.breaker.started()
                self.under_way.append(self.now)
        elif self.under_way:
            self.end(what, self.under_way.pop(which % len(self.under_way)))

    def end(self, what: str, began: float) -> None:
        if what == "failed":
            self.breaker.failed(began, self.now)
        else:
            ending: Callable[[float], bool] = getattr(self.breaker, what)
            ending(began)
        if not self.under_way:
            self.breaker.idle()


def lived(of: list[tuple[float, str, int]], check: Callable[[Life], None]) -> Life:
    life = Life()
    for pause, what, which in of:
        life.step(pause, what, which)
        check(life)
    return life


@given(steps)
def test_at_most_one_probe_is_under_way(of: list[tuple[float, str, int]]) -> None:
    def check(life: Life) -> None:
        if not life.breaker.is_closed:
            probes = [began for began in life.under_way if began >= life.breaker.open_until]
            assert len(probes) <= 1
            assert life.breaker.is_probing or not probes

    lived(of, check)


@given(steps)
def test_nothing_is_let_through_while_it_is_open(of: list[tuple[float, str, int]]) -> None:
    def check(life: Life) -> None:
        state = life.breaker.state(life.now)
        assert life.breaker.allows(life.now) is (
            state is BreakerState.CLOSED
            or (state is BreakerState.HALF_OPEN and not life.breaker.is_probing)
        )
        assert life.breaker.open_until <= life.now + LONGEST_OPEN_S
        assert life.breaker.failures < FAILURES_TO_OPEN

    lived(of, check)


@given(steps)
def test_it_always_recovers(of: list[tuple[float, str, int]]) -> None:
    """Whatever happened: once the rest is over, one request after the longest time closes it."""
    life = lived(of, lambda _: None)
    while life.under_way:
        life.end("cancelled", life.under_way.pop())
    life.now += LONGEST_OPEN_S
    assert life.breaker.allows(life.now)
    life.breaker.started()
    life.breaker.answered(life.now)
    assert life.breaker.state(life.now) is BreakerState.CLOSED


@given(st.lists(st.booleans(), max_size=60))
def test_only_failures_in_a_row_open_it(outcomes: list[bool]) -> None:
    breaker, row = Breaker(), 0
    for good in outcomes:
        row = 0 if good else row + 1
        if good:
            breaker.answered(0.0)
        else:
            breaker.failed(0.0, 0.0)
        if row == FAILURES_TO_OPEN:
            assert not breaker.is_closed
            return
        assert breaker.is_closed
