"""How a blueprint and its slices are doing, in words an operator needs."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from aether.core.control.budgets import min_available
from aether.core.control.dependencies import Needs
from aether.core.control.removal import is_leaving
from aether.core.model.ids import Artifact, InstanceId, NodeId, SliceBase
from aether.core.model.lifecycle import Desired, Phase
from aether.core.model.records import TargetRecord, Verdict
from aether.core.model.view import ClusterView, Placed
from aether.core.model.wording import counted

BlueprintState = Literal["DEPLOYED", "DEPLOYING", "DEGRADED", "FAILED", "REMOVING"]

_DOUBTED = frozenset({Verdict.SUSPECT, Verdict.LOST, Verdict.DECOMMISSIONED})


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceStatus:
    """One instance: what is wanted of it and what it is. `phase` is empty while unknown."""

    instance: InstanceId
    node: NodeId
    desired: Desired | Literal[""]
    phase: Phase | Literal[""]
    failure: str
    settings_problem: str = ""
    """Why it did not take the settings given it last; it goes on all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceStatus:
    """One slice: how many instances are wanted and how many serve."""

    base: SliceBase
    version: str
    owner: SliceBase
    wanted: int
    active: int
    """Instances of the wanted version that serve on nodes nobody doubts."""
    min_available: int
    """Instances that stay ACTIVE whatever an operator does."""
    instances: tuple[InstanceStatus, ...]
    reasons: tuple[str, ...]
    """Why it is not whole; empty when it is."""
    degraded: tuple[str, ...]
    """What it requires and has to do without while it serves; empty when there is nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlueprintStatus:
    """One blueprint: DEPLOYED when every slice serves with all it wants and nothing more.

    DEGRADED when that is so and a slice has to do without another it requires; FAILED when an
    instance of a wanted version has failed for good.
    """

    id: str
    generation: int
    state: BlueprintState
    slices: tuple[SliceStatus, ...]


def slice_status(view: ClusterView, base: SliceBase) -> SliceStatus | None:
    """Return the slice's status, or None when nothing of it exists."""
    return next(_statuses(view, [base]), None)


def slice_statuses(view: ClusterView) -> Iterator[SliceStatus]:
    """Yield the status of every slice by name, in one pass over the instances."""
    return _statuses(view, sorted(view.targets))


def _statuses(view: ClusterView, bases: Sequence[SliceBase]) -> Iterator[SliceStatus]:
    needs = view.once(Needs)
    here: dict[SliceBase, list[Placed]] = {base: [] for base in bases if base in view.targets}
    if not here:
        return
    for placed in sorted({*view.wanted, *view.phases}):
        if (base := placed[1].base) in here:
            here[base].append(placed)
    for base, placed_here in here.items():
        yield _Looking(view, needs, base, placed_here).status()


class _Looking:
    """A look at one slice."""

    def __init__(
        self, view: ClusterView, needs: Needs, base: SliceBase, placed_here: list[Placed]
    ) -> None:
        self._view = view
        self._needs = needs
        self._base = base
        self._target: TargetRecord = view.targets[base]
        self._here = placed_here
        self._wanted = self._target.instances if needs.is_listed(base) else 0
        self._active = sum(
            1
            for placed in placed_here
            if _serves(view, placed) and placed[1].version == self._target.version
        )

    def status(self) -> SliceStatus:
        """Return all of it."""
        return SliceStatus(
            base=self._base,
            version=self._target.version,
            owner=self._target.owner,
            wanted=self._wanted,
            active=self._active,
            min_available=min_available(self._target) if self._wanted else 0,
            instances=tuple(_instance_status(self._view, placed) for placed in self._here),
            reasons=tuple(self._reasons()),
            degraded=tuple(self._degraded()),
        )

    def _degraded(self) -> Iterator[str]:
        if not self._wanted or self._target.on_dependency_loss == "cascade":
            return
        if any(_serves(self._view, placed) for placed in self._here):
            for need in self._needs.missing(self._target):
                yield f"{self._base} serves without {need}, which has no active instance"

    def _reasons(self) -> Iterator[str]:
        yield from _failures(self._view, self._here)
        if self._active < self._wanted:
            yield from self._missing()
            yield from self._old()
            yield f"{self._active} of {self._wanted} instances serve"
        elif len(self._here) > self._wanted:
            leaving = counted(len(self._here) - self._wanted, "instance")
            yield f"{leaving} on the way out"

    def _missing(self) -> Iterator[str]:
        for need in self._needs.missing(self._target):
            yield f"{self._base} waits for {need}, which has no active instance"
        wishes = self._view.wanted
        parked = sum(1 for placed in self._here if placed in wishes and wishes[placed].parked)
        if parked:
            yield f"{self._base} has {parked} parked until all it requires is there"
        present = sum(
            1 for placed in self._here if placed in wishes and not is_leaving(wishes[placed])
        )
        if present < self._wanted:
            yield f"{self._base} lacks {self._wanted - present} that are not placed yet"

    def _old(self) -> Iterator[str]:
        old = sum(
            1
            for placed in self._here
            if _serves(self._view, placed) and placed[1].version != self._target.version
        )
        if old:
            version = self._target.version
            yield f"{self._base} keeps {old} of other versions until those of {version} serve"


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
        settings_problem=phase.settings_problem if phase and current else "",
    )


def _failures(view: ClusterView, placed_here: Iterable[Placed]) -> Iterator[str]:
    for placed in placed_here:
        phase = view.phases.get(placed)
        if phase is not None and phase.failure is not None and view.is_current(placed):
            yield f"{placed[1]} on {placed[0]}{_trying(phase.state)}: {phase.failure.message}"


def _trying(phase: Phase) -> str:
    return "" if phase is Phase.FAILED else " is tried again after"


def blueprint_status(view: ClusterView, base: SliceBase) -> BlueprintStatus | None:
    """Return the blueprint's status; None when it does not exist and nothing of it is left."""
    owned = sorted(slice_ for slice_, target in view.targets.items() if target.owner == base)
    if base not in view.blueprints and not owned:
        return None
    return _blueprint(view, base, tuple(_statuses(view, owned)))


def blueprint_statuses(view: ClusterView) -> Iterator[BlueprintStatus]:
    """Yield the status of every blueprint by name, those that are being removed included."""
    owned: dict[SliceBase, list[SliceStatus]] = {base: [] for base in view.blueprints}
    for status in slice_statuses(view):
        owned.setdefault(status.owner, []).append(status)
    for base, statuses in sorted(owned.items()):
        yield _blueprint(view, base, tuple(statuses))


def _blueprint(
    view: ClusterView, base: SliceBase, statuses: tuple[SliceStatus, ...]
) -> BlueprintStatus:
    record = view.blueprints.get(base)
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
        return "DEGRADED" if any(status.degraded for status in statuses) else "DEPLOYED"
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
