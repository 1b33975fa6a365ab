"""From blueprints to targets: what is wanted of every slice, and which slices are retired."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from aether.core.control.evidence import Evaluate, read, write
from aether.core.model import keys
from aether.core.model.ids import Artifact, SliceBase
from aether.core.model.plan import DropTarget, SetTarget
from aether.core.model.reason import Reason
from aether.core.model.records import BlueprintRecord, SliceSpec, TargetRecord
from aether.core.model.scaling import first_instances
from aether.core.model.view import ClusterView


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the target of one slice depends on."""

    artifact: Artifact | None = None
    """What a blueprint lists; None when none does."""
    instances: int = 0
    blueprint_generation: int = 0
    target_generation: int | None = None
    """Generation the present target was derived from; None when there is no target."""
    same_owner: bool = True
    """Whether the present target came from the same blueprint."""
    retired: bool = False
    """Whether no blueprint that owns the present target lists the slice."""
    occupied: bool = False
    """Whether an instance is left."""


def decide(asked: Asked) -> str:
    """Return `drop`, `keep`, or `set` with what is wanted."""
    if asked.artifact is None:
        return "drop" if asked.retired and not asked.occupied else "keep"
    if asked.target_generation is not None:
        if asked.same_owner and asked.target_generation >= asked.blueprint_generation:
            return "keep"
        if not asked.same_owner and not asked.retired:
            return "keep"  # admission refuses this; a race must not steal a running slice
    return f"set {asked.artifact} x {asked.instances}"


def derive_targets(view: ClusterView) -> Iterator[SetTarget]:
    """Yield targets that a newer generation of their blueprint asks for.

    A target changed since by a scale command stays until its blueprint changes.
    """
    for owner, blueprint in sorted(view.blueprints.items()):
        for spec in blueprint.slices:
            base = spec.artifact.base
            present = view.targets.get(base)
            current = (
                present is not None
                and present.owner == owner
                and present.generation >= blueprint.generation
            )
            if current:
                continue  # by far the most frequent case: nothing to ask
            owned = present is not None and present.owner == owner
            scaled = present.instances if present is not None and owned else None
            instances = first_instances(scaled, spec.instances, spec.scaling)
            asked = Asked(
                artifact=spec.artifact,
                instances=instances,
                blueprint_generation=blueprint.generation,
                target_generation=present.generation if present else None,
                same_owner=present is None or owned,
                retired=present is not None and is_retired(view, base),
            )
            decision = decide(asked)
            if decision != "keep":
                kept = f", {instances} as its load called for" * (instances != spec.instances)
                text = f"blueprint {blueprint.id} wants {spec.instances} of {spec.artifact}{kept}"
                because = Reason("", "target", text, write(asked, decision))
                record = replace(_target(owner, blueprint, spec), instances=instances)
                yield SetTarget(base, record, because)


def _target(owner: SliceBase, blueprint: BlueprintRecord, spec: SliceSpec) -> TargetRecord:
    return TargetRecord(
        version=spec.artifact.version,
        instances=spec.instances,
        min_instances=spec.min_instances,
        max_instances=spec.max_instances,
        owner=owner,
        generation=blueprint.generation,
        timeout_s=spec.timeout_s,
        config=spec.config,
        dependencies=spec.dependencies,
        min_available=spec.min_available,
        placement=spec.placement,
        update=spec.update,
        on_dependency_loss=spec.on_dependency_loss,
        balance=spec.balance,
        affinity=spec.affinity,
        concurrency=spec.concurrency,
        slow_start_s=spec.slow_start_s,
        scaling=spec.scaling,
    )


def is_retired(view: ClusterView, base: SliceBase) -> bool:
    """Whether no blueprint asks for the slice any more."""
    target = view.targets.get(base)
    if target is None:
        return True
    owner = view.blueprints.get(target.owner)
    if owner is None:
        return not _may_exist(view, target.owner)
    return all(spec.artifact.base != base for spec in owner.slices)


def listed_slices(view: ClusterView) -> frozenset[SliceBase]:
    """Return the slices that are not retired: `is_retired` for all of them, in one pass."""
    return view.once(_listed_slices)


def _listed_slices(view: ClusterView) -> frozenset[SliceBase]:
    listed = frozenset(
        base
        for owner, blueprint in view.blueprints.items()
        for spec in blueprint.slices
        if (target := view.targets.get(base := spec.artifact.base)) is not None
        and target.owner == owner
    )
    if not view.unreadable:
        return listed
    owners = view.targets.items()
    return listed.union(base for base, target in owners if _may_exist(view, target.owner))


def _may_exist(view: ClusterView, owner: SliceBase) -> bool:
    """Whether there is a blueprint that cannot be read: it may well ask for its slices."""
    return keys.blueprint(owner) in view.unreadable


def drop_targets(view: ClusterView) -> Iterator[DropTarget]:
    """Yield the retired targets of which no instance is left."""
    listed = listed_slices(view)
    idle = sorted(base for base in view.targets if base not in listed)
    for base in idle:
        target = view.targets[base]
        if base not in view.wanted_by_slice():
            asked = Asked(retired=True, target_generation=target.generation)
            text = f"{base} is in no blueprint and its last instance is gone"
            because = Reason("", "target", text, write(asked, decide(asked)))
            yield DropTarget(base, target.purge, because)


def _evaluate(inputs: Mapping[str, str]) -> str:
    return decide(read(inputs, Asked))


RULES: Mapping[str, Evaluate] = {"target": _evaluate}
