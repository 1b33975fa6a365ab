"""From one version or settings to the next: which outdated instances go, and when.

An old instance goes when enough of the new ones serve, so an update never dips below the target: of
4 wanted, one new may be started (surge 1); when it serves, one old goes, and so on. Where no node
has room for a new one beside the old, an old one makes room, within the disruption budget. New
instances that fail for good never serve, so the old ones stay: the update stops by itself.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from aether.core.control.budgets import max_surge, min_available
from aether.core.control.evidence import Evaluate, read, write
from aether.core.control.liveness import is_relied_on
from aether.core.control.moves import victim_of
from aether.core.control.removal import is_leaving
from aether.core.control.waiting import Waiting
from aether.core.model.ids import SliceBase
from aether.core.model.lifecycle import Desired, Phase
from aether.core.model.reason import Reason
from aether.core.model.records import NodeRecord, TargetRecord, WantedRecord
from aether.core.model.slice_settings import are_same
from aether.core.model.view import ClusterView, Placed

MOST_REJECTED = 8
"""Alternatives a reason names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outdated:
    """What ending one outdated instance depends on."""

    wanted: int
    budget: int
    """Instances that must stay ACTIVE."""
    active: int
    """Instances that serve, old and new; like all that serve here, on nodes that nobody doubts."""
    new_active: int
    old: int
    """Outdated instances that may serve, or may serve again."""
    rank: int
    """Place of this one among them, 0 for the first to go: who does not serve, then the oldest."""
    serves: bool
    useless: bool
    """Whether it has never served or has failed for good, and so holds nobody up."""
    no_room: bool
    """Whether a new instance is missing and no node has room for it."""
    leaving: int
    """Instances of the slice on their way out: they make room soon."""


def decide(asked: Outdated) -> Literal["end", "keep"]:
    """Return whether an outdated instance goes now."""
    if asked.useless:
        return "end"
    excess = asked.new_active + asked.old - asked.wanted
    if excess > 0:
        return "end" if asked.rank < excess else "keep"
    if not asked.no_room or asked.leaving or asked.rank > 0:
        return "keep"
    within = not asked.serves or asked.active - 1 >= asked.budget
    return "end" if within else "keep"


def surge_left(target: TargetRecord, staying: int) -> int:
    """Return how many more instances may be placed now beside `staying` that are not leaving."""
    return max(0, target.instances + max_surge(target) - staying)


def waits_for_room(base: SliceBase, target: TargetRecord, more: int) -> Waiting:
    """Return what is said while the surge is used up and `more` instances are to follow."""
    return Waiting(
        f"{base} gets {more} more of {target.instances} instances "
        f"when others are gone: at most {max_surge(target)} beyond the target at a time"
    )


def fits(
    instance_version: str, wish: WantedRecord, target: TargetRecord, node: NodeRecord | None
) -> bool:
    """Whether an instance is what the target asks for: version, settings and labels of its node."""
    return (
        instance_version == target.version
        and are_same(wish.config, target.config)
        and wish.timeout_s == target.timeout_s
        and (node is None or has_labels(node, target))
    )


def has_labels(node: NodeRecord, target: TargetRecord) -> bool:
    """Whether the node has the labels the slice requires."""
    require = target.placement.require
    return not require or all(node.labels.get(name) == value for name, value in require.items())


def is_useless(view: ClusterView, placed: Placed) -> bool:
    """Whether an outdated instance has never served, or failed in a way no retry mends.

    One that is tried again may serve again, unless it was to take the place of one that stays.
    """
    wish, phase = view.wanted[placed], view.phases.get(placed)
    if wish.desired is Desired.LOAD and _replaces_who_stays(view, placed):
        return True
    if phase is not None and phase.state is Phase.FAILED and view.is_current(placed):
        return phase.failure is not None and phase.failure.kind == "fatal"
    return wish.desired is Desired.LOAD and wish.attempt == 0


def _replaces_who_stays(view: ClusterView, placed: Placed) -> bool:
    victim = victim_of(view, placed)
    return victim is not None and not is_leaving(view.wanted[victim])


def in_order(view: ClusterView, outdated: Iterable[Placed]) -> list[Placed]:
    """Return outdated instances, first to go first.

    Those that do not serve, then those that serve on a node somebody doubts, which may be well; of
    equals the oldest.
    """

    def age(placed: Placed) -> tuple[bool, bool, int, int, Placed]:
        wish = view.wanted[placed]
        serves = (view.is_active(placed), is_relied_on(view, placed))
        return (*serves, wish.target_generation, placed[1].ordinal, placed)

    return sorted(outdated, key=age)


def ends(
    view: ClusterView, shared: Outdated, order: Sequence[Placed]
) -> list[tuple[Placed, Outdated]]:
    """Return which outdated instances go now, each with its question; `shared` is what those share.

    Only as many are asked about as there are too many, or the first: no other can go.
    """
    excess = shared.new_active + shared.old - shared.wanted
    first = order if shared.useless else order[: max(1, excess)]
    questions = [
        (placed, replace(shared, rank=rank, serves=is_relied_on(view, placed)))
        for rank, placed in enumerate(first)
    ]
    return [(placed, asked) for placed, asked in questions if decide(asked) == "end"]


def shared_question(
    target: TargetRecord, *, active: int, new_active: int, old: int, leaving: int
) -> Outdated:
    """Return what the questions about all outdated instances of a slice have in common."""
    return Outdated(
        wanted=target.instances,
        budget=min_available(target),
        active=active,
        new_active=new_active,
        old=old,
        rank=0,
        serves=False,
        useless=False,
        no_room=False,
        leaving=leaving,
    )


def why(asked: Outdated, version: str) -> str:
    """Return the clause that says why an outdated instance goes."""
    if asked.useless:
        return f"version {version} with its present settings is wanted, and it does not serve"
    if asked.no_room and asked.new_active + asked.old <= asked.wanted:
        return (
            f"no node has room for version {version} beside it, "
            f"and {asked.active - asked.serves} still serve (at least {asked.budget})"
        )
    return f"version {version} with its present settings serves in its place"


def because(asked: Outdated, text: str, order: Sequence[Placed]) -> Reason:
    """Return the reason of an end; `order` are the outdated instances, first to go first."""
    later = order[asked.rank + 1 :][:MOST_REJECTED]
    rejected = {f"end {node}/{instance}": "it goes later" for node, instance in later}
    return Reason("", "update", text, write(asked, decide(asked)), rejected)


def _evaluate(given: Mapping[str, str]) -> str:
    return decide(read(given, Outdated))


RULES: Mapping[str, Evaluate] = {"update": _evaluate}
