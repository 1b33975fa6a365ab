"""From blueprints to targets: what is wanted of every slice, and which slices are retired."""

from collections.abc import Iterator

from aether.core.model.ids import SliceBase
from aether.core.model.plan import DropTarget, SetTarget
from aether.core.model.reason import Reason
from aether.core.model.records import BlueprintRecord, SliceSpec, TargetRecord
from aether.core.model.view import ClusterView


def derive_targets(view: ClusterView) -> Iterator[SetTarget]:
    """Yield targets that a newer generation of their blueprint asks for.

    A target changed since by a scale command stays until its blueprint changes.
    """
    for owner, blueprint in sorted(view.blueprints.items()):
        for spec in blueprint.slices:
            base = spec.artifact.base
            present = view.targets.get(base)
            if present is not None and (
                present.generation >= blueprint.generation and present.owner == owner
            ):
                continue
            if present is not None and present.owner != owner and not is_retired(view, base):
                continue  # admission refuses this; a race must not steal a running slice
            yield SetTarget(base, _target(owner, blueprint, spec), _because(blueprint, spec))


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
    )


def _because(blueprint: BlueprintRecord, spec: SliceSpec) -> Reason:
    return Reason(
        "",
        "target",
        f"blueprint {blueprint.id} wants {spec.instances} of {spec.artifact}",
        {"blueprint": blueprint.id, "generation": str(blueprint.generation)},
    )


def is_retired(view: ClusterView, base: SliceBase) -> bool:
    """Whether no blueprint asks for the slice any more."""
    target = view.targets.get(base)
    if target is None:
        return True
    owner = view.blueprints.get(target.owner)
    return owner is None or all(spec.artifact.base != base for spec in owner.slices)


def drop_targets(view: ClusterView) -> Iterator[DropTarget]:
    """Yield the retired targets of which no instance is left."""
    occupied = {instance.base for _, instance in view.wanted}
    for base, target in sorted(view.targets.items()):
        if base not in occupied and is_retired(view, base):
            yield DropTarget(
                base,
                target.purge,
                Reason("", "target", f"{base} is in no blueprint and its last instance is gone"),
            )
