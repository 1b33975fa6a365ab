"""Which alerts are raised, change or are over: one step a second over all series.

A bound must be crossed for `for_s` without a break before the alert is raised, and a raised one is
lowered only after the value has been back by more than the hysteresis for `clear_s`, of each bound. What is active
comes from the store, what is on its way is kept here: a new leader raises nothing twice, and lowers
nothing before it has looked for as long itself. A series that is not measured stays as it is for
`MISSING_S`; then its alert is over, for nothing can be said of it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from aether.core.alerts.thresholds import Bounds, Series, says_of, unit_of
from aether.core.metrics.work import Work, at_once
from aether.core.model.alert_records import RANK, Severity

MISSING_S = 30.0
"""Time without a value after which an alert is over, in seconds."""
GRACE_S = 5.0
"""Time without a value that does not break what is on its way."""
_SERIES = 32
"""Series between two pauses, some 0.2 ms of work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """How long one series has been as it is; instants in seconds, None: it is not."""

    warning_since: float | None = None
    critical_since: float | None = None
    eased_since: float | None = None
    """Since when it has been back within the critical bound, while critical."""
    back_since: float | None = None
    """Since when it has been back within both bounds, while active."""
    seen: float


def _none() -> Mapping[Series, "Track"]:
    return MappingProxyType({})


def _nothing() -> Mapping[Series, Severity]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertState:
    """What is active, and what is on its way."""

    active: Mapping[Series, Severity] = field(default_factory=_nothing)
    tracks: Mapping[Series, Track] = field(default_factory=_none)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One alert that is raised, changes its severity, or is over (`after` is INFO)."""

    series: Series
    before: Severity
    after: Severity
    value: float | None
    """None: it is over because nothing is measured any more, or compared."""
    bound: float | None
    text: str


def evaluate(
    state: AlertState,
    values: Mapping[Series, float],
    bounds: Callable[[Series], Bounds | None],
    now: float,
) -> tuple[AlertState, tuple[Transition, ...]]:
    """Return the next state and what changes by it, in order of metric and subject."""
    return at_once(evaluating(state, values, bounds, now))


def evaluating(
    state: AlertState,
    values: Mapping[Series, float],
    bounds: Callable[[Series], Bounds | None],
    now: float,
) -> Work[tuple[AlertState, tuple[Transition, ...]]]:
    """Return the same, piece by piece."""
    active, tracks = dict(state.active), dict[Series, Track]()
    changes: list[Transition] = []
    for number, series in enumerate(sorted({*values, *state.active, *state.tracks})):
        if number % _SERIES == _SERIES - 1:
            yield
        limits, severity = bounds(series), state.active.get(series, Severity.INFO)
        track, after = _look(state.tracks.get(series), values.get(series), limits, severity, now)
        if track is not None:
            tracks[series] = track
        if after is severity:
            continue
        active[series] = after
        if after is Severity.INFO:
            del active[series]
        changes.append(_transition(series, (severity, after), values.get(series), limits))
    return AlertState(active=active, tracks=tracks), tuple(changes)


def _look(
    track: Track | None, value: float | None, limits: Bounds | None, severity: Severity, now: float
) -> tuple[Track | None, Severity]:
    """Return how long one series has been as it is by now, and what is active of it from now on."""
    if limits is None:
        return None, Severity.INFO
    if value is None or value != value:  # noqa: PLR0124 - what is not a number is no value
        return _unseen(track, severity, now)
    if track is not None and now - track.seen > GRACE_S:
        track = None  # nobody knows what it was meanwhile
    moved = _moved(track, value, limits, severity, now)
    raised = _raised(moved, limits, now)
    if RANK[raised] > RANK[severity]:
        return moved, raised
    return moved, _lowered(moved, limits, severity, now)


def _unseen(track: Track | None, severity: Severity, now: float) -> tuple[Track | None, Severity]:
    if track is None:
        # A new leader has not heard of it yet: it waits from here on.
        return (Track(seen=now), severity) if severity is not Severity.INFO else (None, severity)
    waits = GRACE_S if severity is Severity.INFO else MISSING_S
    return (None, Severity.INFO) if now - track.seen > waits else (track, severity)


def _moved(
    track: Track | None, value: float, limits: Bounds, severity: Severity, now: float
) -> Track:
    crossed = RANK[limits.crossed(value)]
    held, active = RANK[limits.held(value)], RANK[severity]

    def since(before: float | None, *, holds: bool) -> float | None:
        return (now if before is None else before) if holds else None

    return Track(
        warning_since=since(track.warning_since if track else None, holds=crossed >= 1),
        critical_since=since(track.critical_since if track else None, holds=crossed >= 2),
        eased_since=since(track.eased_since if track else None, holds=held < 2 <= active),
        back_since=since(track.back_since if track else None, holds=held < 1 <= active),
        seen=now,
    )


def _raised(track: Track, limits: Bounds, now: float) -> Severity:
    """Return the worst severity whose bound has been crossed for long enough."""
    for severity, since in (
        (Severity.CRITICAL, track.critical_since),
        (Severity.WARNING, track.warning_since),
    ):
        if since is not None and now - since >= limits.for_s and limits.bound(severity) is not None:
            return severity
    return Severity.INFO


def _lowered(track: Track, limits: Bounds, severity: Severity, now: float) -> Severity:
    """Return what is active still: each bound is left only after `clear_s` back within it."""
    if track.back_since is not None and now - track.back_since >= limits.clear_s:
        return Severity.INFO
    eased = track.eased_since is not None and now - track.eased_since >= limits.clear_s
    return Severity.WARNING if eased and limits.warning is not None else severity


def _transition(
    series: Series,
    severities: tuple[Severity, Severity],
    value: float | None,
    limits: Bounds | None,
) -> Transition:
    before, after = severities
    bound = limits.bound(after if after is not Severity.INFO else before) if limits else None
    return Transition(
        series=series,
        before=before,
        after=after,
        value=value,
        bound=bound,
        text=_text(series, after, value, bound, limits),
    )


def _text(
    series: Series,
    after: Severity,
    value: float | None,
    bound: float | None,
    limits: Bounds | None,
) -> str:
    metric, subject = series
    whose = f"{metric} of {subject}" if subject else metric
    if limits is None:
        return f"{whose} is compared with nothing any more"
    if value is None:
        return f"{whose} is not measured any more"
    unit = unit_of(metric)
    now = f"{whose} is {value:.4g} {unit}".rstrip()
    what = f" ({says_of(metric)})"
    if after is Severity.INFO:
        return f"{now}{what}: well again"
    return f"{now}{what}: {limits.direction} {bound:g} for {limits.for_s:g} s, {after}"
