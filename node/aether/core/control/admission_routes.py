"""Which slice may answer a route: one, whatever its parameters are called."""

from collections.abc import Iterator, Sequence
from functools import lru_cache

from aether.core.control.admission_others import Others
from aether.core.model.ids import SliceBase
from aether.core.model.records import SliceSpec, pattern_shape
from aether.core.model.view import ClusterView


def route_conflicts(view: ClusterView, others: Others, specs: Sequence[SliceSpec]) -> Iterator[str]:
    """Yield a sentence for each route of `specs` that another slice answers, or will."""
    claimed: dict[tuple[str, str], tuple[SliceBase, str]] = {
        (method, _shape(pattern)): (record.slice, pattern)
        for (method, pattern), record in view.routes.items()
    }
    for base, spec in others.specs.items():
        artifact = view.artifacts.get(spec.artifact)
        for route in artifact.manifest.routes if artifact else ():
            claimed[route.method, _shape(route.pattern)] = base, route.pattern
    for spec in specs:
        base = spec.artifact.base
        for route in view.artifacts[spec.artifact].manifest.routes:
            form = route.method, _shape(route.pattern)
            owner, pattern = claimed.setdefault(form, (base, route.pattern))
            if owner != base:
                alike = "" if pattern == route.pattern else f" as {pattern}"
                yield (
                    f"route {route.method} {route.pattern} of {spec.artifact} belongs to "
                    f"{owner}{alike}: change the path or remove the other slice"
                )


@lru_cache(maxsize=32_768)
def _shape(pattern: str) -> str:
    """Return what patterns that match alike have in common; the same ones are asked for again and again."""
    return pattern_shape(pattern)
