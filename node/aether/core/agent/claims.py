"""Routes an instance claims when it becomes ACTIVE: one owner each, the first keeps it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aether.core.model.ids import SliceBase
from aether.core.model.methods import methods_meet
from aether.core.model.records import Route, RouteRecord, pattern_shape


@dataclass(frozen=True, slots=True)
class Claims:
    """Routes to write, and sentences for those another slice owns."""

    missing: Mapping[tuple[str, str], RouteRecord]
    conflicts: tuple[str, ...]


def claim(
    base: SliceBase,
    routes: Iterable[Route],
    timeout_s: float | None,
    present: Mapping[tuple[str, str], RouteRecord],
) -> Claims:
    """Return what a slice must write to own its routes. `timeout_s` overrides each route's own.

    Patterns that differ in the names of their parameters only are one route; so are rows of one
    pattern whose methods meet.
    """
    theirs: dict[str, list[tuple[str, str, SliceBase]]] = {}
    for (method, pattern), owner in sorted(present.items(), key=lambda item: item[0]):
        if owner.slice != base:
            theirs.setdefault(pattern_shape(pattern), []).append((method, pattern, owner.slice))
    missing: dict[tuple[str, str], RouteRecord] = {}
    conflicts: list[str] = []
    for route in routes:
        name = (route.method, route.pattern)
        taken = _taken(route, theirs.get(pattern_shape(route.pattern), ()))
        record = RouteRecord(
            slice=base,
            timeout_s=route.timeout_s if timeout_s is None else timeout_s,
            body_limit=route.body_limit,
        )
        if taken is not None:
            conflicts.append(f"route {route.method} {route.pattern} belongs to {taken}")
        elif present.get(name) != record:
            missing[name] = record
    return Claims(missing, tuple(conflicts))


def _taken(route: Route, theirs: Iterable[tuple[str, str, SliceBase]]) -> str | None:
    """Return who answers requests of the route, and as what where it is written otherwise."""
    for method, pattern, owner in sorted(theirs, key=lambda row: (row[0] != route.method, row[0])):
        if method == route.method:
            return owner if pattern == route.pattern else f"{owner} as {pattern}"
        if methods_meet(method, route.method):
            return f"{owner} as {method} {pattern}"
    return None
