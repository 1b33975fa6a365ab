"""The series of the leader's scaling: what it sees of each slice, and what it decided last."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from aether.telemetry.exposition.series import MOST_SLICES, Sample, Series, Source, Tell

SOURCE = "scaling"

_row = partial(Series, source=SOURCE, whose="leader")
_SLICE: dict[str, Any] = {"labels": ("slice",), "most": MOST_SLICES}

ROWS: tuple[Series, ...] = (
    _row(
        kind="gauge",
        name="aether_scaling_wanted_instances",
        help="Instances the rules want of a slice they may scale.",
        **_SLICE,
    ),
    _row(
        kind="gauge",
        name="aether_scaling_utilisation_ratio",
        unit="ratio",
        help="Share of the ready capacity of a slice in use, 0 to 1; absent while it is not known.",
        calm="idle slices use none",
        **_SLICE,
    ),
    _row(
        kind="gauge",
        name="aether_scaling_capacity_requests_per_second",
        help="Requests one instance is taken to be good for; absent while it is not known.",
        calm="no blueprint says it and no load has shown it",
        **_SLICE,
    ),
    _row(
        kind="gauge",
        name="aether_scaling_held",
        help="Whether something keeps the rules from changing a slice now: a roll-out, a person's word.",
        calm="nothing does",
        **_SLICE,
    ),
    _row(
        kind="counter",
        name="aether_scaling_decisions",
        help="Decisions of this reign: every change, and the first of each run of equal ones.",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaled:
    """One slice as it was judged last."""

    slice: str
    wanted: int
    utilisation: float | None
    capacity: float | None
    held: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingSeen:
    """All slices, and how often something was decided."""

    slices: Iterable[Scaled]
    decisions: int


def scaling_source(seen: Callable[[], ScalingSeen | None]) -> Source:
    """Return the source; `seen` returns None on a node that does not lead."""

    async def look() -> Tell:
        found = seen()
        return tuple if found is None else lambda: _told(found)

    return Source(SOURCE, look)


def _told(seen: ScalingSeen) -> Iterator[Sample]:
    for one in seen.slices:
        values = {
            "aether_scaling_wanted_instances": one.wanted,
            "aether_scaling_utilisation_ratio": one.utilisation,
            "aether_scaling_capacity_requests_per_second": one.capacity,
            "aether_scaling_held": one.held,
        }
        for name, value in values.items():
            if value is not None:
                yield Sample(name, (one.slice,), value)
    yield Sample("aether_scaling_decisions", (), seen.decisions)
