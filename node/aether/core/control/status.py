"""How a blueprint and its slices are doing, in words an operator needs."""

from dataclasses import dataclass
from typing import Literal

from aether.core.control.targets import is_retired
from aether.core.model.ids import Artifact, InstanceId, NodeId, SliceBase
from aether.core.model.lifecycle import Desired, Phase
from aether.core.model.records import Verdict
from aether.core.model.view import ClusterView, Placed

BlueprintState = Literal["DEPLOYED", "DEPLOYING", "FAILED", "REMOVING"]

_DOUBTED = frozenset({Verdict.SUSPECT, Verdict.LOST, Verdict.DECOMMISSIONED})


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceStatus:
    """One instance: what is wanted of it and what it is. `phase` is empty while unknown."""

    instance: InstanceId
    node: NodeId
    desired: Desired | Literal[""]
    phase: Phase | Literal[""]
    failure: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceStatus:
    """One slice: how many instances are wanted and how many serve."""

    base: SliceBase
    version: str
    owner: SliceBase
    wanted: int
    active: int
    instances: tuple[InstanceStatus, ...]
    reasons: tuple[str, ...]
    """Why it is not whole; empty when it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlueprintStatus:
    """One blueprint: DEPLOYED when every slice serves with all it wants and nothing more."""

    id: str
    generation: int
    state: BlueprintState
    slices: tuple[SliceStatus, ...]


def slice_status(view: ClusterView, base: SliceBase) -> SliceStatus | None:
    """Return the slice's status, or None when nothing of it exists."""
    target = view.targets.get(base)
    placed_here = sorted(
        placed for placed in {*view.wanted, *view.phases} if placed[1].base == base
    )
    if target is None:
        return None
    wanted = 0 if is_retired(view, base) else target.instances
    serving = [
        placed
        for placed in placed_here
        if _serves(view, placed) and placed[1].version == target.version
    ]
    return SliceStatus(
        base=base,
        version=target.version,
        owner=target.owner,
        wanted=wanted,
        active=len(serving),
        instances=tuple(_instance_status(view, placed) for placed in placed_here),
        reasons=_reasons(view, base, placed_here, wanted, len(serving)),
    )


def _serves(view: ClusterView, placed: Placed) -> bool:
    verdict = view.verdicts.get(placed[0])
    return view.is_active(placed) and (verdict is None or verdict.verdict not in _DOUBTED)


def _instance_status(view: ClusterView, placed: Placed) -> InstanceStatus:
    wish, phase = view.wanted.get(placed), view.phases.get(placed)
    current = phase is not None and view.is_current(placed)
    return InstanceStatus(
        instance=placed[1],
        node=placed[0],
        desired=wish.desired if wish else "",
        phase=phase.state if phase and current else "",
        failure=phase.failure.message if phase and current and phase.failure else "",
    )


def _reasons(
    view: ClusterView, base: SliceBase, placed_here: list[Placed], wanted: int, active: int
) -> tuple[str, ...]:
    reasons = [
        f"{placed[1]} on {placed[0]}{_trying(phase.state)}: {phase.failure.message}"
        for placed in placed_here
        if (phase := view.phases.get(placed)) is not None
        and phase.failure is not None
        and view.is_current(placed)
    ]
    if active < wanted:
        missing = [
            need.slice
            for need in view.targets[base].dependencies
            if need.required and not view.active_by_slice().get(need.slice)
        ]
        reasons += [
            f"{base} waits for {slice_}, which has no active instance" for slice_ in missing
        ]
        reasons.append(f"{active} of {wanted} instances serve")
    elif len(placed_here) > wanted:
        reasons.append(f"{len(placed_here) - wanted} instances are on their way out")
    return tuple(reasons)


def _trying(phase: Phase) -> str:
    return "" if phase is Phase.FAILED else " is tried again after"


def blueprint_status(view: ClusterView, base: SliceBase) -> BlueprintStatus | None:
    """Return the blueprint's status; None when it does not exist and nothing of it is left."""
    record = view.blueprints.get(base)
    owned = sorted(slice_ for slice_, target in view.targets.items() if target.owner == base)
    if record is None and not owned:
        return None
    statuses = tuple(
        status for slice_ in owned if (status := slice_status(view, slice_)) is not None
    )
    return BlueprintStatus(
        id=record.id if record else base,
        generation=record.generation if record else 0,
        state=_state(view, base, statuses),
        slices=statuses,
    )


def _state(view: ClusterView, base: SliceBase, statuses: tuple[SliceStatus, ...]) -> BlueprintState:
    record = view.blueprints.get(base)
    if record is None:
        return "REMOVING"
    derived = all(
        (target := view.targets.get(spec.artifact.base)) is not None
        and target.generation >= record.generation
        for spec in record.slices
    )
    whole = all(
        status.active == status.wanted and len(status.instances) == status.wanted
        for status in statuses
    )
    if derived and whole:
        return "DEPLOYED"
    return "FAILED" if _is_failed(view, statuses) else "DEPLOYING"


def _is_failed(view: ClusterView, statuses: tuple[SliceStatus, ...]) -> bool:
    """Whether an instance of the wanted version has failed for good."""
    for status in statuses:
        artifact = Artifact.of(status.base, status.version)
        for instance in status.instances:
            phase = view.phases.get((instance.node, instance.instance))
            fatal = (
                phase is not None and phase.failure is not None and phase.failure.kind == "fatal"
            )
            failed = fatal and instance.phase == Phase.FAILED
            if failed and instance.instance.artifact == artifact:
                return True
    return False
