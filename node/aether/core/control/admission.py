"""What the operator may do now: a change is admitted as guarded writes, or rejected with reasons.

Nothing is half done: a rejected change writes nothing, an admitted one is a single transaction.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from aether.core.control.admission_expand import added_text, expand
from aether.core.control.admission_history import (
    keep,
    keep_deleted,
    next_generation,
    turn_guards,
)
from aether.core.control.admission_others import Others, consequences, losses, others_than
from aether.core.control.admission_routes import affinity_problems, route_conflicts
from aether.core.control.dependencies import find_cycle
from aether.core.control.targets import is_retired
from aether.core.model import keys
from aether.core.model.ids import Artifact, SliceBase
from aether.core.model.nearness import nearest
from aether.core.model.records import BlueprintRecord, Dependency, SliceSpec, TargetRecord, encode
from aether.core.model.slice_settings import are_same
from aether.core.model.view import ClusterView
from aether.core.model.wording import counted
from aether.core.store.commands import MAX_VALUE_BYTES, Delete, Guard, Operation, Put

MAX_SLICES = 500
"""Most slices of a blueprint; one transaction guards them all and holds 512 guards."""
MAX_PROBLEMS = 100
"""Most problems named at once; further ones are counted."""
_PAUSES = "; scaling by load lets that be for scaling.manual_pause_s"
_GUESSES = 3
"""Unknown artifacts for which all that are known are searched."""


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


def _reject(code: Literal["invalid", "conflict"], problems: Sequence[str]) -> Rejected:
    more = len(problems) - MAX_PROBLEMS
    rest = (f"and {more} more problems",) if more > 0 else ()
    return Rejected(code, (*problems[:MAX_PROBLEMS], *rest))


def admit_blueprint(
    view: ClusterView,
    blueprint: Artifact,
    slices: tuple[SliceSpec, ...],
    source: str,
    by: str = "",
    at_ms: int = 0,
) -> Admitted | Rejected:
    """Admit applying a blueprint: its artifacts are known, nothing of it belongs to another.

    Slices that were added once (`added_for`) are taken in their version if they are still needed.
    A view `with_history` makes the writes keep the generation and exclude all other changes of
    blueprints since.
    """
    others = others_than(view, blueprint.base)
    listed = [spec for spec in slices if not spec.added_for]
    unknown = [spec for spec in listed if spec.artifact not in view.artifacts]
    known = [spec for spec in listed if spec.artifact in view.artifacts]
    running = _running(view, blueprint.base)
    pinned = {base: each for base, each in running.items() if each in view.artifacts}
    pinned |= {spec.artifact.base: spec.artifact for spec in slices if spec.added_for}
    missing = {spec.artifact.base for spec in unknown}
    expanded = expand(view, others, known, pinned, missing)
    own = {spec.artifact.base: spec.dependencies for spec in expanded.specs}
    problems = (
        *_unknown_artifacts(view, unknown),
        *expanded.problems,
        *_beyond_limits(expanded.specs),
        *_circles(others, own),
        *affinity_problems(view, expanded.specs),
    )
    # What versions nobody pushed require is not known, so neither is what would go.
    gone = () if unknown else [base for base in running if base not in own]
    found = list(losses(others, gone))
    conflicts = (
        *_foreign_slices(others, (*expanded.specs, *unknown)),
        *route_conflicts(view, others, expanded.specs),
        *(loss.refusal() for loss in found if loss.spec.on_dependency_loss == "block"),
    )
    if problems or conflicts:
        return _reject("invalid" if problems else "conflict", (*problems, *conflicts))
    record = BlueprintRecord(
        id=blueprint,
        generation=next_generation(view, blueprint.base),
        slices=expanded.specs,
        source=source,
        applied_by=by,
        applied_at_ms=at_ms,
    )
    return _apply(view, record, consequences(found))


def shortcomings(
    view: ClusterView, owner: SliceBase | None, artifacts: Sequence[Artifact]
) -> tuple[str, ...]:
    """Return what the cluster would refuse of a blueprint of which no more than this can be read.

    Without its name (`owner`) it cannot be told whose its slices and routes are.
    """
    specs = [SliceSpec(artifact=artifact) for artifact in artifacts[:MAX_SLICES]]
    unknown = [spec for spec in specs if spec.artifact not in view.artifacts]
    problems = list(_unknown_artifacts(view, unknown))
    if owner is not None:
        others = others_than(view, owner)
        known = [spec for spec in specs if spec.artifact in view.artifacts]
        problems += [*_foreign_slices(others, specs), *route_conflicts(view, others, known)]
    return _reject("invalid", problems).problems


def _circles(others: Others, own: Mapping[SliceBase, tuple[Dependency, ...]]) -> Iterator[str]:
    needs = {base: spec.dependencies for base, spec in others.specs.items()}
    cycle = find_cycle({**needs, **own})
    if cycle:
        yield f"these slices need each other in a circle: {' → '.join(cycle)}"


def _apply(view: ClusterView, record: BlueprintRecord, aside: str) -> Admitted | Rejected:
    base, present = record.id.base, view.blueprints.get(record.id.base)
    added = added_text(record.slices)
    if present is not None and _is_same(present, record):
        return Admitted((), (), f"blueprint {record.id} is applied already; nothing changes")
    value = encode(record)
    if len(value) > MAX_VALUE_BYTES:
        return Rejected(
            "invalid",
            (
                f"blueprint {record.id} takes {len(value)} bytes as it is kept; the limit is "
                f"{MAX_VALUE_BYTES}: shorten its settings, or make two of it",
            ),
        )
    touched = (keys.blueprint(base), *(keys.artifact(spec.artifact) for spec in record.slices))
    return Admitted(
        (Put(keys.blueprint(base), value), *keep(view, base, record.generation, value)),
        (*_unchanged(view, touched), *turn_guards(view, base, record.generation)),
        f"blueprint {record.id} generation {record.generation}: {counted(len(record.slices), 'slice')}"
        f"{added}{aside}",
    )


def _is_same(present: BlueprintRecord, record: BlueprintRecord) -> bool:
    """Whether two generations ask for the same."""
    if (present.id, present.slices) != (record.id, record.slices):
        return False
    pairs = zip(present.slices, record.slices, strict=True)
    return all(are_same(before.config, after.config) for before, after in pairs)


def _unchanged(view: ClusterView, touched: Iterable[str]) -> tuple[Guard, ...]:
    return tuple(Guard(key, view.revisions.get(key, 0)) for key in touched)


def _running(view: ClusterView, owner: SliceBase) -> dict[SliceBase, Artifact]:
    """Return the artifacts the blueprint runs now."""
    present = view.blueprints.get(owner)
    return {spec.artifact.base: spec.artifact for spec in (present.slices if present else ())}


def _beyond_limits(specs: Sequence[SliceSpec]) -> Iterator[str]:
    if len(specs) > MAX_SLICES:
        yield (
            f"with all that is required there are {len(specs)} slices; a blueprint has "
            f"{MAX_SLICES} at most: make two of it"
        )


def _unknown_artifacts(view: ClusterView, specs: Sequence[SliceSpec]) -> Iterator[str]:
    """Yield a sentence for each artifact, of those nobody pushed, with a guess."""
    if not specs:
        return
    versions: dict[SliceBase, list[str]] = {}
    for artifact in sorted(view.artifacts):
        versions.setdefault(artifact.base, []).append(str(artifact))
    searched = 0
    for told, spec in enumerate(specs):
        artifact = spec.artifact
        candidates: Iterable[str] = versions.get(artifact.base, [])
        if not candidates and searched < _GUESSES:
            searched += 1
            candidates = sorted(view.artifacts)
        near = nearest(artifact, candidates) if told < MAX_PROBLEMS else None
        guess = f"; did you mean {near}?" if near else "."
        yield (
            f"artifact {artifact} is not in the cluster{guess} "
            "Push it first: aether artifact push WHEEL"
        )


def _foreign_slices(others: Others, specs: Sequence[SliceSpec]) -> Iterator[str]:
    for spec in specs:
        base = spec.artifact.base
        if base in others.owners:
            yield f"{base} belongs to blueprint {others.owners[base]}; a slice has one owner"
        elif base in others.leaving:
            owner = others.leaving[base]
            yield f"{base} is still being removed with blueprint {owner}: apply again then"


def admit_deletion(
    view: ClusterView,
    base: SliceBase,
    purge_data: bool,  # noqa: FBT001 - the API's query parameter
) -> Admitted | Rejected:
    """Admit deleting a blueprint; its instances are then removed, dependents first."""
    if base not in view.blueprints:
        known = ", ".join(sorted(view.blueprints)) or "there is none"
        return Rejected("not_found", (f"there is no blueprint {base}; known: {known}",))
    found = list(losses(others_than(view, base), _running(view, base)))
    blocked = [loss.refusal() for loss in found if loss.spec.on_dependency_loss == "block"]
    if blocked:
        return _reject("conflict", blocked)
    owned = {slice_: target for slice_, target in view.targets.items() if target.owner == base}
    marks: tuple[Operation, ...] = ()
    if purge_data:
        marks = tuple(
            Put(keys.target(slice_), encode(replace(target, purge=True)))
            for slice_, target in sorted(owned.items())
        )
    touched = (keys.blueprint(base), *(keys.target(slice_) for slice_ in sorted(owned)))
    return Admitted(
        (Delete(keys.blueprint(base)), *marks, *keep_deleted(view, base)),
        (*_unchanged(view, touched), *turn_guards(view, base, None)),
        f"blueprint {base} is deleted; {counted(len(owned), 'slice')} being removed{consequences(found)}",
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
    if instances == target.instances and target.scaling is None:
        return Admitted((), (), f"{base} has {counted(instances, 'instance')} already")
    record: TargetRecord = replace(target, instances=instances, scaled_by="operator")
    return Admitted(
        (Put(keys.target(base), encode(record)),),
        _unchanged(view, (keys.target(base),)),
        f"{base} goes from {target.instances} to {counted(instances, 'instance')}"
        f"{_PAUSES if target.scaling is not None else ''}",
    )
