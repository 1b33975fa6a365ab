"""Which slice may answer a route: one, whatever its parameters are called.

A pattern may be shared as long as no request could go to both: GET here and POST there, but not GET
here and `*` there, which would take requests away from who answered them. Of different patterns the
most specific answers, whoever owns it; so it is with hosts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from aether.core.control.admission_others import Others
from aether.core.model.ids import SliceBase
from aether.core.model.methods import methods_meet
from aether.core.model.records import Route, SliceSpec, pattern_shape
from aether.core.model.view import ClusterView


@dataclass(frozen=True, slots=True)
class _Claim:
    owner: SliceBase
    method: str
    place: str


@dataclass(frozen=True, slots=True)
class _Claims:
    """Who answers what, by host and shape of the pattern."""

    found: dict[str, list[_Claim]] = field(default_factory=dict)

    def add(self, owner: SliceBase, method: str, place: str) -> None:
        """Note that a slice answers a route."""
        self.found.setdefault(_shape(place), []).append(_Claim(owner, method, place))

    def against(self, owner: SliceBase, route: Route) -> _Claim | None:
        """Return what another slice answers of the route; the very same method before others."""
        met = [
            claim
            for claim in self.found.get(_shape(route.place), ())
            if claim.owner != owner and methods_meet(claim.method, route.method)
        ]
        met.sort(key=lambda claim: (claim.method != route.method, claim.method))
        return met[0] if met else None


def route_conflicts(view: ClusterView, others: Others, specs: Sequence[SliceSpec]) -> Iterator[str]:
    """Yield a sentence for each route of `specs` that another slice answers, or will."""
    claims = _Claims()
    for (method, place), record in sorted(view.routes.items(), key=lambda item: item[0]):
        claims.add(record.slice, method, place)
    for base, spec in others.specs.items():
        artifact = view.artifacts.get(spec.artifact)
        for route in artifact.manifest.routes if artifact else ():
            claims.add(base, route.method, route.place)
    for spec in specs:
        base = spec.artifact.base
        for route in view.artifacts[spec.artifact].manifest.routes:
            taken = claims.against(base, route)
            if taken is None:
                claims.add(base, route.method, route.place)
                continue
            yield (
                f"route {route.method} {route.place} of {spec.artifact} belongs to "
                f"{taken.owner}{_otherwise(taken, route)}: change the path or remove the other slice"
            )


def affinity_problems(view: ClusterView, specs: Sequence[SliceSpec]) -> Iterator[str]:
    """Yield a sentence for each slice of `specs` whose affinity is by a parameter no route of it has."""
    for spec in specs:
        kind, _, name = spec.affinity.partition(":")
        if kind != "path":
            continue
        routes = view.artifacts[spec.artifact].manifest.routes
        if not any(
            f"/{{{form}{name}}}/" in f"{route.pattern}/" for route in routes for form in ("", "*")
        ):
            yield (
                f"affinity_key {spec.affinity!r} of {spec.artifact}: no route of it has a parameter "
                f"{{{name}}}; name one that a route has, or use a header or cookie"
            )


def _otherwise(taken: _Claim, route: Route) -> str:
    """Say how the owner wrote the route, where that is not the same."""
    if taken.method != route.method:
        return f" as {taken.method} {taken.place}"
    return "" if taken.place == route.place else f" as {taken.place}"


@lru_cache(maxsize=32_768)
def _shape(place: str) -> str:
    """Return what places that match alike have in common; the same ones are asked for again and again."""
    return pattern_shape(place)
