"""Which plan suits a slice: each is imagined in force all the time, and judged by what it would have cost.

A plan costs the instances it keeps, the changes it makes, and the minutes in which the load would have been more
than its instances serve. All three are counted for every plan, minute by minute, the past fading with a
half-life. How much a bad minute is worth in instances is one number, `thrift` (`choice` picks the plan).
"""

from math import ceil, inf

import msgspec

from aether.core.scaling.plans import BASES, HEADROOMS, PAST, USUAL, Bases, Plan, serves
from aether.core.scaling.settings import ScalingSettings
from aether.core.scaling.window import Maxima, largest, pushed

SAMPLE_S = 5.0
"""Seconds between two looks."""
DAY_S = 86_400.0
HEADS = len(HEADROOMS)
_HOUR_S = 3_600.0
_UNHEARD_OF = 2.0
"""A load so many times all there was until an hour ago: the day says nothing of where it goes."""
_DEPTH = 64
"""Most looks remembered: start-up times above 5 minutes count as 5 minutes."""
_NONE = (0.0,) * BASES
_CALM = (0,) * BASES


class Tally(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What every plan would have cost, the past faded."""

    weight: tuple[float, ...] = _NONE
    """Minutes counted for each basis."""
    churned: tuple[float, ...] = _NONE
    """How much each basis changed from minute to minute, as a share of itself, summed."""
    missed: tuple[float, ...] = (0.0,) * (BASES * HEADS)
    """Minutes in which each plan was too small: the headrooms of the first basis, then of the next."""
    paid: tuple[float, ...] = (0.0,) * (BASES * HEADS)
    """Instance-minutes of each plan."""
    usual: float = 0.0
    """Instance-minutes the load itself took at the target utilisation: the unit of `paid`."""


class Minute(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The running minute."""

    number: int = -1
    short: tuple[int, ...] = _CALM
    """For each basis, how many headrooms have been too small."""
    sums: Bases = _NONE
    """Sums of the bases."""
    load: float = 0.0
    """Sum of the load."""
    peak: float = 0.0
    """Largest load."""
    looks: int = 0


class Lessons(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What has been learnt of one slice."""

    sampled_at: float = -inf
    minute: Minute = Minute()
    looks: tuple[tuple[float, Bases], ...] = ()
    """(moment, bases) of the last looks, oldest first: as far back as an instance takes to start."""
    sizes: Bases = _NONE
    """Means of the bases in the last minute."""
    peaks: Maxima = ()
    """Largest loads of the last day, by the hour."""
    known: tuple[float, float] = (0.0, 0.0)
    """Largest load of a day, as it was when the hour before this one began, and when this one began."""
    tally: Tally = Tally()
    best: Plan = USUAL
    """Cheapest of the plans on the past."""
    ahead: Plan | None = None
    """Cheapest of the plans on the forecast, where it is cheaper than `best`."""


class Look(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What is seen of a slice at one moment."""

    at: float
    load: float
    """Requests per second."""
    bases: Bases
    capacity: float
    """Requests per second of one instance."""
    lead_s: float
    """Seconds from asking for an instance until it serves."""
    minimum: int
    """Fewest instances."""
    most: float = inf
    """Highest rate worth planning for."""


def due(lessons: Lessons, at: float) -> bool:
    """Say whether it is time for a look."""
    return at - lessons.sampled_at >= SAMPLE_S


def day_peak(lessons: Lessons, at: float) -> float:
    """Return the largest load of the last day, requests per second."""
    return max(largest(lessons.peaks, at - DAY_S - _HOUR_S), lessons.minute.peak)


def most_known(lessons: Lessons, at: float, margin: float) -> float:
    """Return the highest rate worth planning for, requests per second: a margin above the day's peak.

    Nothing bounds a load that is twice all there was until an hour ago, as after a day without traffic.
    """
    peak = day_peak(lessons, at)
    return inf if peak > lessons.known[0] * _UNHEARD_OF else peak * margin


def looked(lessons: Lessons, look: Look, settings: ScalingSettings) -> tuple[Lessons, bool]:
    """Return the lessons with a look more, and whether a whole minute was learnt with it."""
    number, learnt = int(look.at // 60.0), False
    minute = lessons.minute
    if number != minute.number:
        learnt = number == minute.number + 1 and minute.looks > 0
        lessons = _whole(lessons, look, settings) if learnt else _anew(lessons)
        minute = Minute(number=number)
    looks = _recent(lessons.looks, look)
    then = looks[0][1] if looks[0][0] <= look.at - look.lead_s else look.bases
    return msgspec.structs.replace(
        lessons, sampled_at=look.at, looks=looks, minute=_within(minute, look, then)
    ), learnt


def _recent(looks: tuple[tuple[float, Bases], ...], look: Look) -> tuple[tuple[float, Bases], ...]:
    """Return the looks back to the last one at which instances would have to have been asked for by now."""
    looks = (*looks, (look.at, look.bases))
    first = max(0, len(looks) - _DEPTH)
    while first + 1 < len(looks) and looks[first + 1][0] <= look.at - look.lead_s:
        first += 1
    return looks[first:]


def _within(minute: Minute, look: Look, then: Bases) -> Minute:
    """Return the minute with a look more; `then` are the bases instances that serve now were asked for on."""
    return Minute(
        number=minute.number,
        short=tuple([_short(place, basis, minute, look) for place, basis in enumerate(then)]),
        sums=tuple([total + basis for total, basis in zip(minute.sums, look.bases, strict=True)]),
        load=minute.load + look.load,
        peak=max(minute.peak, look.load),
        looks=minute.looks + 1,
    )


def _short(place: int, basis: float, minute: Minute, look: Look) -> int:
    """Return how many headrooms on a basis have been too small in this minute."""
    short = minute.short[place]
    if basis <= 0.0 and place >= PAST:
        return short  # no forecast then: nothing to judge
    while short < HEADS:
        planned = _instances(basis * HEADROOMS[short], look)
        if look.load <= planned * look.capacity * serves(planned):
            break
        short += 1
    return short


def _instances(rate: float, look: Look) -> int:
    return max(look.minimum, ceil(min(rate, look.most) / look.capacity))


def _anew(lessons: Lessons) -> Lessons:
    """Return the lessons after minutes nobody watched: what was begun cannot be ended."""
    return msgspec.structs.replace(lessons, looks=(), sizes=_NONE)


def _whole(lessons: Lessons, look: Look, settings: ScalingSettings) -> Lessons:
    """Return the lessons after a whole minute."""
    minute = lessons.minute
    sizes = tuple([total / minute.looks for total in minute.sums])
    return msgspec.structs.replace(
        lessons,
        sizes=sizes,
        peaks=pushed(lessons.peaks, look.at, minute.peak, DAY_S, _HOUR_S),
        known=_known(lessons, look.at),
        tally=_tallied(lessons, sizes, look, settings),
    )


def _known(lessons: Lessons, at: float) -> tuple[float, float]:
    """Return what is known of the day's peak; it changes with the hour."""
    hour, last = at - at % _HOUR_S, lessons.peaks[-1][0] if lessons.peaks else -inf
    if hour == last:
        return lessons.known
    peak = largest(lessons.peaks, at - DAY_S - _HOUR_S)
    return (lessons.known[1], peak) if hour - last == _HOUR_S else (peak, peak)


def _tallied(lessons: Lessons, sizes: Bases, look: Look, settings: ScalingSettings) -> Tally:
    """Count the minute for every plan."""
    minute, tally = lessons.minute, lessons.tally
    fade = 0.5 ** (1.0 / settings.memory_minutes)
    mean = minute.load / minute.looks
    floor = max(look.minimum, ceil(mean / (look.capacity * settings.most_utilisation)))
    weight, churned = list(tally.weight), list(tally.churned)
    missed, paid = list(tally.missed), list(tally.paid)
    for basis, size in enumerate(sizes):
        if size <= 0.0 and basis >= PAST:
            continue  # no forecast
        before = lessons.sizes[basis]
        weight[basis] = weight[basis] * fade + 1.0
        churned[basis] = churned[basis] * fade + (
            abs(size - before) / max(size, before, 1e-9) if before else 0.0
        )
        short, start = minute.short[basis], basis * HEADS
        for number, headroom in enumerate(HEADROOMS):
            planned = max(floor, _instances(size * headroom, look))
            missed[start + number] = missed[start + number] * fade + (number < short)
            paid[start + number] = paid[start + number] * fade + planned
    return Tally(
        weight=tuple(weight),
        churned=tuple(churned),
        missed=tuple(missed),
        paid=tuple(paid),
        usual=tally.usual * fade + mean / (look.capacity * settings.target_utilisation),
    )
