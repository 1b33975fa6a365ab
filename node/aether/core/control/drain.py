"""Emptying nodes politely: a replacement serves elsewhere before an instance goes.

Worked example: n1 drains and serves 2 of the 4 instances of a slice whose budget is 2 and whose
surge is 1. One replacement is placed on n2; when it serves, convergence ends the first victim, and
the next replacement is placed. With no room anywhere both may leave at once: 2 still serve. With a
budget of 3 one leaves, and the other waits for room.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from aether.core.control.budgets import max_surge, min_available
from aether.core.control.candidates import Candidate, Choice, NoRoom, Question
from aether.core.control.candidates import decide as best_node
from aether.core.control.evidence import Evaluate, read, write
from aether.core.control.moves import replacement
from aether.core.control.placement import Occupancy
from aether.core.control.removal import begin_removal, may_serve
from aether.core.control.signals import ControlSettings, Signals
from aether.core.control.tallies import Tally, tallies
from aether.core.control.waiting import Waiting
from aether.core.model.ids import Artifact, NodeId, SliceBase
from aether.core.model.plan import Judge, Wish
from aether.core.model.reason import Reason
from aether.core.model.records import Verdict
from aether.core.model.view import ClusterView, Placed


@dataclass(frozen=True, slots=True, kw_only=True)
class Evacuation:
    """What the way off a draining node depends on, for one instance.

    Instances of the slice are counted without those on their way out.
    """

    slice: SliceBase
    force: bool
    serves: bool
    outdated: bool
    """Whether an update is about to replace it: it needs no replacement of its own."""
    spare: bool
    """Whether it has come in place of an instance that still serves."""
    wanted: int
    surge: int
    """Instances that may be there beyond those wanted."""
    staying: int
    """Instances that are there, replacements not counted."""
    moving: int
    """Replacements of instances that are still there."""
    failed: int
    """Instances that have failed: what waits for them may wait for ever."""
    active: int
    """Instances that serve on nodes nobody doubts, one of each that serves and its replacement."""
    budget: int
    """Instances that must serve whatever an operator does."""
    candidates: tuple[Candidate, ...]
    """Nodes that could take a replacement, best first."""
    may_serve: bool = False
    """Whether another life of the node said that it serves, and the present one nothing yet."""

    @property
    def has_surge(self) -> bool:
        """Whether one more may be there; what is missing is counted as if it were placed already."""
        there = max(self.staying, self.wanted) + self.moving
        return there + 1 <= self.wanted + self.surge

    @property
    def left(self) -> int:
        """Instances that serve once this one is gone; a spare one was not counted."""
        return self.active if self.spare else self.active - 1


def decide(asked: Evacuation) -> str:
    """Return `replace on NODE`, `leave` or `wait`."""
    if asked.force:
        return "leave"
    if not asked.serves:
        return "wait" if asked.may_serve else "leave"
    if asked.candidates and not asked.spare:
        if asked.has_surge and not asked.outdated:
            where = Question(slice=asked.slice, spread="node", candidates=asked.candidates)
            return f"replace on {best_node(where)}"
        if not asked.failed:
            return "wait"  # for the moves or the update under way, which make room
    return "leave" if asked.left >= asked.budget else "wait"


@dataclass(frozen=True, slots=True, kw_only=True)
class Emptied:
    """What calling a draining node empty depends on."""

    hosted: int
    """Instances wanted there, those on their way out included."""
    reported: int
    """Instances the node has said anything about, wanted or not."""
    reports: bool = True
    """Whether its present life has reported: an order to stop is for a life that hears it."""


def is_empty(asked: Emptied) -> str:
    """Return `DECOMMISSIONED`, or `wait`."""
    waits = asked.hosted or asked.reported or not asked.reports
    return "wait" if waits else Verdict.DECOMMISSIONED.value


def evacuate(
    view: ClusterView, signals: Signals, settings: ControlSettings, now: float
) -> Iterator[Judge | Wish | Waiting]:
    """Yield what brings every draining node nearer to being empty."""
    del signals, settings, now  # a stage like the others; what it needs is in the view
    draining = [
        node
        for node, verdict in sorted(view.verdicts.items())
        if verdict.verdict is Verdict.DRAINING and node in view.nodes
    ]
    yield from _silent(view)
    if not draining:
        return
    hosted: dict[NodeId, list[Placed]] = {node: [] for node in draining}
    for placed in view.wanted:
        if placed[0] in hosted:
            hosted[placed[0]].append(placed)
    stage = _Stage(view, hosted)
    for node in draining:
        if hosted[node]:
            yield from stage.empty(node, sorted(hosted[node]))
        else:
            yield from _decommission(view, node)


def _silent(view: ClusterView) -> Iterator[Waiting]:
    for node, verdict in sorted(view.verdicts.items()):
        if verdict.verdict is Verdict.SUSPECT and verdict.drain is not None:
            yield Waiting(f"{node} is silent; it is emptied further when it reports again")


def _decommission(view: ClusterView, node: NodeId) -> Iterator[Judge | Waiting]:
    reported = sum(1 for placed in view.phases if placed[0] == node)
    present = view.nodes[node].incarnation
    reports = view.verdicts[node].incarnation == present
    asked = Emptied(hosted=0, reported=reported, reports=reports)
    decision = is_empty(asked)
    if decision == "wait" and not reports:
        yield Waiting(f"{node} drains: it began life {present} and has not reported yet")
        return
    if decision == "wait":
        yield Waiting(f"{node} drains: it still reports {reported} instances that nobody wants")
        return
    verdict = replace(view.verdicts[node], verdict=Verdict.DECOMMISSIONED)
    text = f"{node} is empty: nothing is wanted there and nothing is left"
    yield Judge(node, verdict, Reason("", "drain", text, write(asked, decision)))


class _Stage:
    """One look at all draining nodes: they share budgets, surge and room."""

    def __init__(self, view: ClusterView, hosted: Mapping[NodeId, list[Placed]]) -> None:
        self._view = view
        self._occupancy = Occupancy(view)
        slices = {placed[1].base for here in hosted.values() for placed in here}
        self._tallies = tallies(view, slices)

    def empty(self, node: NodeId, here: list[Placed]) -> Iterator[Wish | Waiting]:
        """Yield the next steps off one node, and for each slice why something has to wait."""
        waiting: dict[SliceBase, tuple[int, str]] = {}
        for placed in here:
            tally = self._tallies.get(placed[1].base)
            if tally is None or placed not in tally.staying or self._is_settled(placed, tally):
                continue  # on its way already, or its slice is being removed or changed
            step = self._step(placed, tally)
            if isinstance(step, Waiting):
                count, _ = waiting.get(tally.base, (0, ""))
                waiting[tally.base] = (count + 1, step.text)
            else:
                yield step
        for base, (count, why) in sorted(waiting.items()):
            yield Waiting(f"{node} drains: {count} of {base} wait there: {why}")

    def _is_settled(self, placed: Placed, tally: Tally) -> bool:
        """Whether it serves until its replacement does, and nothing more is to be done."""
        waits = tally.is_being_replaced(placed) and tally.serves(placed)
        return waits and not self._is_forced(placed[0])

    def _step(self, placed: Placed, tally: Tally) -> Wish | Waiting:
        choice = self._choose(placed, tally)
        asked = self._question(placed, tally, choice)
        decision = decide(asked)
        if decision == "wait":
            return Waiting(_why_wait(asked, tally, choice))
        if decision == "leave" or not isinstance(choice, Choice):
            return self._leave(placed, tally, asked)
        return self._replace(placed, tally, asked, choice)

    def _choose(self, placed: Placed, tally: Tally) -> Choice | NoRoom | None:
        if not tally.serves(placed) or self._is_forced(placed[0]):
            return None
        return self._occupancy.choose(tally.base, tally.target.placement, tally.tried)

    def _is_forced(self, node: NodeId) -> bool:
        order = self._view.verdicts[node].drain
        return order is not None and order.force

    def _question(self, placed: Placed, tally: Tally, choice: Choice | NoRoom | None) -> Evacuation:
        candidates = choice.asked.candidates if isinstance(choice, Choice) else ()
        return Evacuation(
            slice=tally.base,
            force=self._is_forced(placed[0]),
            serves=tally.serves(placed),
            outdated=tally.is_outdated(placed),
            spare=tally.is_spare(placed),
            wanted=tally.target.instances,
            surge=max_surge(tally.target),
            staying=len(tally.staying) - tally.moving,
            moving=tally.moving,
            failed=tally.failed,
            active=tally.active,
            budget=min_available(tally.target),
            candidates=tuple(c for c in candidates if not c.avoided),
            may_serve=may_serve(
                self._view.phases.get(placed), is_current=self._view.is_current(placed)
            ),
        )

    def _replace(self, placed: Placed, tally: Tally, asked: Evacuation, choice: Choice) -> Wish:
        artifact = Artifact.of(tally.base, tally.target.version)
        where = (choice.node, self._occupancy.next_instance(artifact))
        self._occupancy.add(*where)
        tally.begin_move(placed, where)
        text = f"LOAD {where[1]} on {where[0]} in place of {placed[1]} on {placed[0]}, which drains"
        because = Reason("", "drain", text, write(asked, decide(asked)), choice.rejected)
        return replacement(placed, self._view.wanted[placed], tally.target, where, because)

    def _leave(self, placed: Placed, tally: Tally, asked: Evacuation) -> Wish:
        tally.begin_leave(placed)
        step = begin_removal(self._view, placed, _why_leave(asked, placed[0]))
        rejected: dict[str, str] = {}
        if asked.serves:
            rejected["replace"] = "the order is to leave at once" if asked.force else "no node can"
        because = Reason("", "drain", step.because.text, write(asked, "leave"), rejected)
        return replace(step, because=because)


def _why_leave(asked: Evacuation, node: NodeId) -> str:
    if not asked.serves:
        return f"{node} drains, and it does not serve"
    if asked.force:
        return f"{node} drains, by force"
    return f"{node} drains, and {asked.left} of {asked.slice} still serve (at least {asked.budget})"


def _why_wait(asked: Evacuation, tally: Tally, choice: Choice | NoRoom | None) -> str:
    if asked.may_serve:
        return "their node has begun a new life and has not said yet whether they serve"
    serve = f"{asked.active} of {asked.wanted} serve, at least {asked.budget} must"
    if not asked.candidates:
        where = choice.why if isinstance(choice, NoRoom) else "every node with room gave it up"
        return f"{serve}, and {where}"
    if asked.outdated:
        return f"the update to {tally.target.version} replaces them"
    return f"{serve}, and no more than {asked.surge} may be there beyond the target"


def _evaluate(inputs: Mapping[str, str]) -> str:
    if "hosted" in inputs:
        return is_empty(read(inputs, Emptied))
    return decide(read(inputs, Evacuation))


RULES: Mapping[str, Evaluate] = {"drain": _evaluate}
