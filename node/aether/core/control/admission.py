"""What the operator may do now: a change is admitted as guarded writes, or rejected with reasons.

Nothing is half done: a rejected change writes nothing, an admitted one is a single transaction.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Literal

from aether.core.control.dependencies import find_cycle
from aether.core.control.targets import is_retired
from aether.core.model import keys
from aether.core.model.ids import Artifact, SliceBase
from aether.core.model.records import (
    BlueprintRecord,
    Dependency,
    Manifest,
    SliceSpec,
    TargetRecord,
    encode,
    pattern_shape,
)
from aether.core.model.view import ClusterView
from aether.core.store.commands import Delete, Guard, Operation, Put


@dataclass(frozen=True, slots=True)
class Admitted:
    """The change may be made: these writes, while these guards hold."""

    then: tuple[Operation, ...]
    guards: tuple[Guard, ...]
    summary: str

    @property
    def changed(self) -> bool:
        """Whether anything is written at all."""
        return bool(self.then)


@dataclass(frozen=True, slots=True)
class Rejected:
    """The change may not be made; `problems` are sentences that say why and what to do."""

    code: Literal["invalid", "conflict", "not_found"]
    problems: tuple[str, ...]


def admit_blueprint(
    view: ClusterView, blueprint: Artifact, slices: tuple[SliceSpec, ...], source: str
) -> Admitted | Rejected:
    """Admit applying a blueprint: its artifacts are known, nothing of it belongs to another."""
    unknown = tuple(_unknown_artifacts(view, slices))
    if unknown:
        return Rejected("invalid", unknown)
    specs = tuple(
        replace(spec, dependencies=view.artifacts[spec.artifact].manifest.dependencies)
        for spec in slices
    )
    invalid = tuple(_missing_dependencies(view, specs))
    own = {spec.artifact.base: spec.dependencies for spec in specs}
    cycle = find_cycle({**_other_needs(view, blueprint.base), **own})
    if cycle:
        invalid += (f"these slices need each other in a circle: {' → '.join(cycle)}",)
    if invalid:
        return Rejected("invalid", invalid)
    conflicts = (
        *_foreign_slices(view, blueprint.base, specs),
        *_route_conflicts(view, specs),
        *_broken_dependents(view, blueprint.base, {spec.artifact.base for spec in specs}),
    )
    if conflicts:
        return Rejected("conflict", conflicts)
    return _apply(view, blueprint, specs, source)


def _apply(
    view: ClusterView, blueprint: Artifact, specs: tuple[SliceSpec, ...], source: str
) -> Admitted:
    base = blueprint.base
    present = view.blueprints.get(base)
    if present is not None and (present.id, present.slices) == (blueprint, specs):
        return Admitted((), (), f"blueprint {blueprint} is applied already; nothing changes")
    # Targets outlive a deleted blueprint until their instances are gone: a new life of the same
    # blueprint must count on from them, or they would look newer than what is wanted now.
    seen = [target.generation for target in view.targets.values() if target.owner == base]
    generation = 1 + max([*seen, present.generation if present else 0])
    record = BlueprintRecord(id=blueprint, generation=generation, slices=specs, source=source)
    touched = (keys.blueprint(base), *(keys.artifact(spec.artifact) for spec in specs))
    return Admitted(
        (Put(keys.blueprint(base), encode(record)),),
        _unchanged(view, touched),
        f"blueprint {blueprint} generation {generation}: {len(specs)} slices",
    )


def _unchanged(view: ClusterView, touched: tuple[str, ...]) -> tuple[Guard, ...]:
    return tuple(Guard(key, view.revisions.get(key, 0)) for key in touched)


def _unknown_artifacts(view: ClusterView, slices: tuple[SliceSpec, ...]) -> Iterator[str]:
    known = [str(artifact) for artifact in view.artifacts]
    for spec in slices:
        if spec.artifact not in view.artifacts:
            near = get_close_matches(spec.artifact, known, n=1)
            guess = f"; did you mean {near[0]}?" if near else ""
            yield (
                f"artifact {spec.artifact} is not in the cluster{guess} "
                "Push it first: aether artifact push WHEEL"
            )


def _missing_dependencies(view: ClusterView, specs: tuple[SliceSpec, ...]) -> Iterator[str]:
    here = {spec.artifact.base for spec in specs}
    for spec in specs:
        for need in spec.dependencies:
            elsewhere = need.slice in view.targets and not is_retired(view, need.slice)
            if need.required and need.slice not in here and not elsewhere:
                yield (
                    f"{spec.artifact} requires {need.slice}, which is neither in this blueprint "
                    "nor running: add it to the blueprint"
                )


def _other_needs(view: ClusterView, owner: SliceBase) -> Mapping[SliceBase, tuple[Dependency, ...]]:
    """Return what the slices of other blueprints need: a circle may go through them too."""
    return {
        base: target.dependencies
        for base, target in view.targets.items()
        if target.owner != owner and not is_retired(view, base)
    }


def _foreign_slices(
    view: ClusterView, owner: SliceBase, specs: tuple[SliceSpec, ...]
) -> Iterator[str]:
    for spec in specs:
        base = spec.artifact.base
        target = view.targets.get(base)
        if target is None or target.owner == owner:
            continue
        if is_retired(view, base):
            yield f"{base} is still being removed with blueprint {target.owner}: apply again then"
        else:
            yield f"{base} belongs to blueprint {target.owner}; a slice has one owner"


def _route_conflicts(view: ClusterView, specs: tuple[SliceSpec, ...]) -> Iterator[str]:
    """Yield what two slices would answer; the names of parameters make no difference."""
    claimed: dict[tuple[str, str], tuple[SliceBase, str]] = {
        (method, pattern_shape(pattern)): (record.slice, pattern)
        for (method, pattern), record in view.routes.items()
    }
    for base, manifest in _other_manifests(view, {spec.artifact.base for spec in specs}).items():
        for route in manifest.routes:
            claimed[route.method, pattern_shape(route.pattern)] = base, route.pattern
    for spec in specs:
        base = spec.artifact.base
        for route in view.artifacts[spec.artifact].manifest.routes:
            form = route.method, pattern_shape(route.pattern)
            owner, pattern = claimed.setdefault(form, (base, route.pattern))
            if owner != base:
                alike = "" if pattern == route.pattern else f" as {pattern}"
                yield (
                    f"route {route.method} {route.pattern} of {spec.artifact} belongs to "
                    f"{owner}{alike}: change the path or remove the other slice"
                )


def _other_manifests(view: ClusterView, but: set[SliceBase]) -> Mapping[SliceBase, Manifest]:
    found: dict[SliceBase, Manifest] = {}
    for base, target in view.targets.items():
        artifact = view.artifacts.get(Artifact.of(base, target.version))
        if base not in but and artifact is not None and not is_retired(view, base):
            found[base] = artifact.manifest
    return found


def _broken_dependents(view: ClusterView, owner: SliceBase, kept: set[SliceBase]) -> Iterator[str]:
    """Yield the slices of other blueprints that need one which this change would remove."""
    for base, target in sorted(view.targets.items()):
        if target.owner == owner or is_retired(view, base):
            continue
        for need in target.dependencies:
            provider = view.targets.get(need.slice)
            ours = provider is not None and provider.owner == owner
            if need.required and ours and need.slice not in kept:
                yield (
                    f"{need.slice} cannot go: {base} of blueprint {target.owner} requires it; "
                    f"delete or change blueprint {target.owner} first"
                )


def admit_deletion(
    view: ClusterView,
    base: SliceBase,
    purge_data: bool,  # noqa: FBT001 - the API's query parameter
) -> Admitted | Rejected:
    """Admit deleting a blueprint; its instances are then removed, dependents first."""
    if base not in view.blueprints:
        known = ", ".join(sorted(view.blueprints)) or "there is none"
        return Rejected("not_found", (f"there is no blueprint {base}; known: {known}",))
    blocked = tuple(_broken_dependents(view, base, set()))
    if blocked:
        return Rejected("conflict", blocked)
    owned = {slice_: target for slice_, target in view.targets.items() if target.owner == base}
    marks: tuple[Operation, ...] = ()
    if purge_data:
        marks = tuple(
            Put(keys.target(slice_), encode(replace(target, purge=True)))
            for slice_, target in sorted(owned.items())
        )
    touched = (keys.blueprint(base), *(keys.target(slice_) for slice_ in sorted(owned)))
    return Admitted(
        (Delete(keys.blueprint(base)), *marks),
        _unchanged(view, touched),
        f"blueprint {base} is deleted; {len(owned)} slices are being removed",
    )


def admit_scale(view: ClusterView, base: SliceBase, instances: int) -> Admitted | Rejected:
    """Admit changing how many instances of a slice are wanted, within its bounds."""
    target = view.targets.get(base)
    if target is None or is_retired(view, base):
        known = ", ".join(sorted(view.targets)) or "there is none"
        return Rejected("not_found", (f"there is no slice {base}; known: {known}",))
    if not target.min_instances <= instances <= target.max_instances:
        bounds = f"{target.min_instances} to {target.max_instances}"
        return Rejected(
            "invalid",
            (
                f"{instances} instances of {base} are out of bounds: blueprint {target.owner} "
                f"allows {bounds}",
            ),
        )
    if instances == target.instances:
        return Admitted((), (), f"{base} has {instances} instances already")
    record: TargetRecord = replace(target, instances=instances)
    return Admitted(
        (Put(keys.target(base), encode(record)),),
        _unchanged(view, (keys.target(base),)),
        f"{base} goes from {target.instances} to {instances} instances",
    )
