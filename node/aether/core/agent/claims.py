"""Routes an instance claims when it becomes ACTIVE: one owner each, the first keeps it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from aether.core.model.ids import SliceBase
from aether.core.model.methods import methods_meet
from aether.core.model.records import Route, RouteRecord, WantedRecord, pattern_shape
from aether.core.model.route_policy import route_record


@dataclass(frozen=True, slots=True)
class Claims:
    """Routes to write, and sentences for those another slice owns."""

    missing: Mapping[tuple[str, str], RouteRecord]
    conflicts: tuple[str, ...]


def claim(
    base: SliceBase,
    routes: Iterable[Route],
    wish: WantedRecord,
    present: Mapping[tuple[str, str], RouteRecord],
) -> Claims:
    """Return what an instance placed by `wish` must write for its slice to own its routes.

    Patterns for one host that differ in the names of their parameters only are one route; so are
    rows of one pattern whose methods meet. Of versions that ask for different policies side by side
    the one placed last is heard: what a later target asked for is left as it is.
    """
    theirs: dict[str, list[tuple[str, str, SliceBase]]] = {}
    for (method, place), owner in sorted(present.items(), key=lambda item: item[0]):
        if owner.slice != base:
            theirs.setdefault(pattern_shape(place), []).append((method, place, owner.slice))
    missing: dict[tuple[str, str], RouteRecord] = {}
    conflicts: list[str] = []
    for route in routes:
        name = (route.method, route.place)
        taken = _taken(route, theirs.get(pattern_shape(route.place), ()))
        record = route_record(base, route, wish)
        if taken is not None:
            conflicts.append(f"route {route.method} {route.place} belongs to {taken}")
        elif _is_news(record, present.get(name)):
            missing[name] = record
    return Claims(missing, tuple(conflicts))


def _is_news(record: RouteRecord, known: RouteRecord | None) -> bool:
    """Whether a record is to be written over the slice's own, or where there is none."""
    if known is None:
        return True
    return known.generation <= record.generation and known != replace(
        record, generation=known.generation
    )


def _taken(route: Route, theirs: Iterable[tuple[str, str, SliceBase]]) -> str | None:
    """Return who answers requests of the route, and as what where it is written otherwise."""
    for method, place, owner in sorted(theirs, key=lambda row: (row[0] != route.method, row[0])):
        if method == route.method:
            return owner if place == route.place else f"{owner} as {place}"
        if methods_meet(method, route.method):
            return f"{owner} as {method} {place}"
    return None
