"""One slice as the store says it is: its target, and each instance with all that is said about it.

A slice about which nothing has changed is the same object in the next view, and keeps its answers:
what depends on one slice alone is worked out when the slice changes, not whenever somebody looks.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from aether.core.model.ids import NodeId, SliceBase
from aether.core.model.lifecycle import Phase
from aether.core.model.records import (
    NodeRecord,
    PhaseRecord,
    TargetRecord,
    VerdictRecord,
    WantedRecord,
)

if TYPE_CHECKING:
    from aether.core.model.view import ClusterView, Placed

_Answer = TypeVar("_Answer")


class Copy(NamedTuple):
    """One instance on one node: its wish, its fact, and what is known of the node."""

    placed: "Placed"
    wish: WantedRecord | None
    phase: PhaseRecord | None
    node: NodeRecord | None
    verdict: VerdictRecord | None
    is_current: bool
    """Whether the fact is of the present life of the node."""
    is_active: bool
    """Whether the instance serves, as the present life of its node says."""


@dataclass(frozen=True, slots=True)
class SliceView:
    """All instances of one slice that are wanted or reported, sorted, and the target of the slice."""

    base: SliceBase
    target: TargetRecord | None
    copies: tuple[Copy, ...]
    wanted: "tuple[Placed, ...]" = field(init=False, compare=False, repr=False)
    """Those there is a wish for, sorted."""
    active: "tuple[Placed, ...]" = field(init=False, compare=False, repr=False)
    """Those that serve, sorted."""
    _answers: dict[Callable[["SliceView"], Any], Any] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        """Sort out who is wanted and who serves."""
        wanted = tuple([copy[0] for copy in self.copies if copy[1] is not None])
        active = tuple([copy[0] for copy in self.copies if copy[6]])
        object.__setattr__(self, "wanted", wanted)
        object.__setattr__(self, "active", wanted if active == wanted else active)

    def once(self, question: Callable[["SliceView"], _Answer]) -> _Answer:
        """Return `question(self)`, asked once for as long as nothing about the slice changes.

        `question` is a function of a module, pure, and its answer is not to be changed.
        """
        if question not in self._answers:
            self._answers[question] = question(self)
        answer: _Answer = self._answers[question]
        return answer


Slices = Mapping[SliceBase, SliceView]
"""Every slice that has a target or an instance, wanted or reported, by name, sorted."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What differs from an earlier view, of all that slices consist of; more may be named than differs."""

    placed: set["Placed"] = field(default_factory=set)
    """Instances of which the wish or the fact differs."""
    targets: set[SliceBase] = field(default_factory=set)
    nodes: set[NodeId] = field(default_factory=set)
    """Nodes of which the registration or the verdict differs."""

    def __len__(self) -> int:
        """Return how many names there are."""
        return len(self.placed) + len(self.targets) + len(self.nodes)

    def joined(self, later: "Changes") -> "Changes":
        """Return what differs after these changes and later ones."""
        return Changes(
            self.placed | later.placed, self.targets | later.targets, self.nodes | later.nodes
        )


def gather(view: "ClusterView") -> Slices:
    """Return all slices of the view, built anew."""
    here: dict[SliceBase, list[Copy]] = {base: [] for base in view.targets}
    wanted = view.wanted
    for placed in wanted:
        here.setdefault(placed[1].base, []).append(_copy(view, placed))
    for placed in view.phases:
        if placed not in wanted:
            here.setdefault(placed[1].base, []).append(_copy(view, placed))
    return {base: _sorted(base, view.targets.get(base), here[base]) for base in sorted(here)}


def follow(before: Slices, view: "ClusterView", changes: Changes) -> Slices:
    """Return all slices of the view: those of `before`, but for the ones that `changes` concern."""
    concerned: dict[SliceBase, set[Placed]] = {base: set() for base in changes.targets}
    for placed in [*changes.placed, *_hosted_by(before, changes.nodes)]:
        concerned.setdefault(placed[1].base, set()).add(placed)
    found, is_sorted = dict(before), True
    for base, some in concerned.items():
        was = before.get(base)
        now = _rebuilt(view, base, was, some)
        if now is None:
            found.pop(base, None)
        else:
            found[base] = now
            is_sorted = is_sorted and was is not None
    return found if is_sorted else {base: found[base] for base in sorted(found)}


def _hosted_by(slices: Slices, nodes: Collection[NodeId]) -> "list[Placed]":
    """Return the instances on the nodes."""
    if not nodes:
        return []
    copies = [copy for one in slices.values() for copy in one.copies]
    return [copy.placed for copy in copies if copy.placed[0] in nodes]


def _rebuilt(
    view: "ClusterView", base: SliceBase, was: SliceView | None, some: "set[Placed]"
) -> SliceView | None:
    """Return the slice with `some` of its instances looked up anew; None when nothing is left of it."""
    wanted, phases, target = view.wanted, view.phases, view.targets.get(base)
    copies = [copy for copy in was.copies if copy[0] not in some] if was is not None else []
    copies += [_copy(view, placed) for placed in some if placed in wanted or placed in phases]
    return _sorted(base, target, copies) if copies or target is not None else None


def _sorted(base: SliceBase, target: TargetRecord | None, copies: list[Copy]) -> SliceView:
    copies.sort(key=itemgetter(0))
    return SliceView(base, target, tuple(copies))


def _copy(view: "ClusterView", placed: "Placed") -> Copy:
    wish, phase = view.wanted.get(placed), view.phases.get(placed)
    node, verdict = view.nodes.get(placed[0]), view.verdicts.get(placed[0])
    if phase is None or node is None or phase.incarnation != node.incarnation:
        return Copy(placed, wish, phase, node, verdict, is_current=False, is_active=False)
    active = phase.state is Phase.ACTIVE
    return Copy(placed, wish, phase, node, verdict, is_current=True, is_active=active)
