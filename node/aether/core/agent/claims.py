"""Routes an instance claims when it becomes ACTIVE: one owner each, the first keeps it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aether.core.model.ids import SliceBase
from aether.core.model.records import Route, RouteRecord


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
    """Return what a slice must write to own its routes. `timeout_s` overrides each route's own."""
    missing: dict[tuple[str, str], RouteRecord] = {}
    conflicts: list[str] = []
    for route in routes:
        name = (route.method, route.pattern)
        owner = present.get(name)
        record = RouteRecord(
            slice=base,
            timeout_s=route.timeout_s if timeout_s is None else timeout_s,
            body_limit=route.body_limit,
        )
        if owner is not None and owner.slice != base:
            conflicts.append(f"route {route.method} {route.pattern} belongs to {owner.slice}")
        elif owner != record:
            missing[name] = record
    return Claims(missing, tuple(conflicts))
