"""How far the forecasts of one slice are trusted: each is scored when the time it spoke of has come.

Its error two steps ahead is compared with that of the simplest forecast there is, the last value.
"""

from math import exp, log

import msgspec

from aether.core.scaling.forecast import Quantiles

ERROR_AHEAD = 2
"""Steps ahead at which errors are compared."""
SPAN_STEPS = 60
"""Span of the averages of errors, in steps."""
FEWEST_SCORED = 30
"""Forecasts to be scored before any is trusted."""
DISTRUST_ABOVE = 1.0
"""Error, as a multiple of the last value's, above which trust ends."""
TRUST_BELOW = 0.9
"""Error below which it comes back once it was lost."""
MISSED_SHARE = 0.1
"""Share of steps that may exceed the upper edge: it is p90."""
WIDTH_MOVE = 0.02
"""How far one step moves the width, in its logarithm, for a whole miss."""
NARROWEST, WIDEST = 0.5, 3.0
"""Bounds of the width."""
_WEIGHT = 2.0 / (SPAN_STEPS + 1.0)


class Made(msgspec.Struct, frozen=True, gc=False):
    """A forecast whose time has not come."""

    last: float
    """Mean rate of the step at whose end it was made."""
    rows: tuple[Quantiles, ...]
    """Its first `ERROR_AHEAD` rows; empty when none was made."""


class TrustState(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How well the forecasts of one slice did, and whether they are trusted for it."""

    scored: int = 0
    """Forecasts whose error is known."""
    error: float = 0.0
    """Mean error of the forecasts, requests per second, recent ones counting more."""
    last_error: float = 0.0
    """The same of the last value as a forecast."""
    exceeded: float = MISSED_SHARE
    """Share of recent steps above the p90 made for them."""
    width: float = 1.0
    """Multiple of the distance from p50 to p90 which a tenth of the steps exceed."""
    trusted: bool = False
    lost: int = 0
    """Times trust was lost."""
    pending: tuple[Made, ...] = ()
    """The latest forecasts, newest last, at most `ERROR_AHEAD`."""

    @property
    def ratio(self) -> float | None:
        """Error as a multiple of the last value's; None before anything was scored."""
        if not self.scored:
            return None
        return self.error / self.last_error if self.last_error > 0.0 else float(self.error > 0.0)

    @property
    def coverage(self) -> float:
        """Share of recent steps at or below the p90 made for them."""
        return 1.0 - self.exceeded


def stepped(state: TrustState, actual: float, made: tuple[Quantiles, ...] | None) -> TrustState:
    """Return the state after a step of mean rate `actual`, at whose end the forecast `made` was made (None: none)."""
    state = _edge_scored(_error_scored(state, actual), actual)
    rows = () if made is None else made[:ERROR_AHEAD]
    return msgspec.structs.replace(
        state,
        trusted=_trusted(state),
        lost=state.lost + (state.trusted and not _trusted(state)),
        pending=(*state.pending, Made(actual, rows))[-ERROR_AHEAD:],
    )


def skipped(state: TrustState) -> TrustState:
    """Return the state after a step nothing is known of: forecasts that spoke of it stay unscored."""
    return msgspec.structs.replace(state, pending=())


def _error_scored(state: TrustState, actual: float) -> TrustState:
    """Compare the forecast made `ERROR_AHEAD` steps ago with the last value of then."""
    if len(state.pending) < ERROR_AHEAD:
        return state
    made = state.pending[-ERROR_AHEAD]
    if len(made.rows) < ERROR_AHEAD:
        return state
    weight = max(_WEIGHT, 1.0 / (state.scored + 1.0))  # a plain mean at first
    error, last_error = abs(actual - made.rows[-1][1]), abs(actual - made.last)
    return msgspec.structs.replace(
        state,
        scored=state.scored + 1,
        error=state.error + weight * (error - state.error),
        last_error=state.last_error + weight * (last_error - state.last_error),
    )


def _edge_scored(state: TrustState, actual: float) -> TrustState:
    """Move the width by whether this step exceeded the upper edge made for it one step ago."""
    if not state.pending or not state.pending[-1].rows:
        return state
    _, middle, upper, _ = state.pending[-1].rows[0]
    missed = actual > middle + state.width * (upper - middle)
    width = exp(log(state.width) + WIDTH_MOVE * (missed - MISSED_SHARE))
    return msgspec.structs.replace(
        state,
        exceeded=state.exceeded + _WEIGHT * ((actual > upper) - state.exceeded),
        width=min(max(width, NARROWEST), WIDEST),
    )


def _trusted(state: TrustState) -> bool:
    """Say whether forecasts with these errors are trusted."""
    if state.scored < FEWEST_SCORED:
        return False
    needs_regaining = state.lost > 0 and not state.trusted
    most = TRUST_BELOW if needs_regaining else DISTRUST_ABOVE
    return state.error <= most * state.last_error
