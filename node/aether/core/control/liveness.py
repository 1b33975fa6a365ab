"""Judging nodes: who reports is on duty, who is silent is doubted, then lost.

    JOINING → ON_DUTY ⇄ SUSPECT → LOST → ON_DUTY      it reports, it is silent, it is back
    with an order to drain: DRAINING in place of ON_DUTY; DECOMMISSIONED stays until it is activated

Worked example (doubt after 2 s, loss after 5 s): n1 reports at 0 s and falls silent; it is SUSPECT
at 2.1 s and gets no new instances, LOST at 5.1 s, and what it ran is placed anew. Restarted at 9 s
it registers a new life, reports, and is ON_DUTY; had it been DRAINING, it would be so again.

A leader that hears itself and nobody else gives nobody up: where it can write, a majority of the voters
lives, so what is broken is its hearing. One other voter is no proof where there are more, for it may be alone to
go; where it is the only other one, nothing can be written without it. A leader that votes alone needs nobody.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from aether.core.control.evidence import Evaluate, read, write
from aether.core.control.signals import ControlSettings, Signals
from aether.core.control.waiting import Waiting
from aether.core.model.ids import NodeId
from aether.core.model.plan import Judge
from aether.core.model.reason import Reason
from aether.core.model.records import DrainOrder, NodeRecord, Verdict, VerdictRecord
from aether.core.model.view import ClusterView, Placed

_GONE = frozenset({Verdict.LOST, Verdict.DECOMMISSIONED})
_DOUBTED = _GONE | {Verdict.SUSPECT}
_RETURNS = frozenset({Verdict.JOINING, Verdict.SUSPECT, Verdict.LOST})
_IN_SERVICE = frozenset({Verdict.ON_DUTY, Verdict.DRAINING})
_COUNTED_ON = _IN_SERVICE | {Verdict.SUSPECT}
_MANY = 2
"""Voters in service that fall silent together: they cannot all be gone while the leader can write.

One is enough where only two vote, and the leader is the other.
"""
_PAIR = 2
"""Voters of whom none can be missed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a verdict depends on. Times in seconds, rounded before anything is decided."""

    life: str
    """Incarnation the node has registered."""
    verdict: Verdict | None
    """The present verdict, and the life it was given to; None before the first."""
    judged_life: str
    drain: DrainOrder | None
    reported_s: float | None
    """Since the present life reported; None when it never has in this reign."""
    silence_s: float
    """Since any of its lives showed a sign."""
    suspect_after_s: float
    lost_after_s: float
    hears: bool = True
    """Whether the leader hears anybody but itself, or need not."""

    @property
    def reports(self) -> bool:
        """Whether the present life has reported lately."""
        return self.reported_s is not None and self.reported_s <= self.suspect_after_s


def decide(asked: Standing) -> VerdictRecord:
    """Return the verdict the node deserves now; equal to the present one when that stands.

    Only a report of the node's present life, and a fresh one, puts it on duty. Silence counts from
    the last sign of any of its lives: a node that has just been started again is not lost because
    its registration and its first report come one after the other.
    """
    if asked.verdict is None:
        verdict = Verdict.ON_DUTY if asked.reports else Verdict.JOINING
        return VerdictRecord(verdict=verdict, incarnation=asked.life)
    present = VerdictRecord(verdict=asked.verdict, incarnation=asked.judged_life, drain=asked.drain)
    if asked.reports:
        return _on_report(present, asked)
    if asked.silence_s > asked.lost_after_s and present.verdict not in _GONE and asked.hears:
        return replace(present, verdict=Verdict.LOST, incarnation=asked.life)
    if asked.silence_s > asked.suspect_after_s and present.verdict in _IN_SERVICE:
        return replace(present, verdict=Verdict.SUSPECT, incarnation=asked.life)
    return present


def _on_report(present: VerdictRecord, asked: Standing) -> VerdictRecord:
    """Return the verdict of a node that reports; an order to drain outlives silence and restarts."""
    verdict, order = present.verdict, present.drain
    if verdict in _RETURNS or (verdict is Verdict.ON_DUTY and order is not None):
        verdict = Verdict.DRAINING if order is not None else Verdict.ON_DUTY
    if (
        verdict is Verdict.DECOMMISSIONED
        and order is not None
        and present.incarnation != asked.life
    ):
        # The life that was to stop has stopped; who starts the node again wants it to run.
        order = replace(order, shutdown=False)
    return VerdictRecord(verdict=verdict, incarnation=asked.life, drain=order)


def judge_nodes(
    view: ClusterView, signals: Signals, settings: ControlSettings, now: float
) -> Iterator[Judge]:
    """Yield the verdicts that change."""
    unheard = _unheard(view, signals, settings, now)
    for node, record in sorted(view.nodes.items()):
        present = view.verdicts.get(node)
        asked = _standing(record, present, signals, settings, now)
        asked = replace(asked, hears=not unheard)
        verdict = decide(asked)
        if verdict != present:
            text = _sentence(node, asked, verdict)
            yield Judge(
                node, verdict, Reason("", "judge", text, write(asked, verdict.verdict.value))
            )


def note_deafness(
    view: ClusterView, signals: Signals, settings: ControlSettings, now: float
) -> Iterator[Waiting]:
    """Say so when nodes would be lost if the leader could trust its hearing."""
    unheard = _unheard(view, signals, settings, now)
    if any(now - signals.last_sign(node) > settings.lost_after_s for node in unheard):
        yield Waiting(
            f"{signals.leader} leads and hears nobody but itself: {', '.join(unheard)} cannot be gone, for "
            "then nothing could be written, so nobody is given up; look at the cluster port of "
            f"{signals.leader}, or have another node lead"
        )


def _unheard(
    view: ClusterView, signals: Signals, settings: ControlSettings, now: float
) -> tuple[NodeId, ...]:
    """Return the voters counted on when the leader hears itself alone; empty when it hears anybody."""
    me = signals.leader
    reporting = {
        node
        for node, heard in signals.heard.items()
        if node in view.nodes and now - heard.at <= settings.suspect_after_s
    }
    if me is None or reporting != {me}:
        return ()
    others = tuple(
        node
        for node, record in sorted(view.nodes.items())
        if node != me and _votes(record, signals) and _is_counted_on(view, node)
    )
    return others if len(others) >= _least(me, signals) else ()


def _votes(record: NodeRecord, signals: Signals) -> bool:
    """Whether the node votes: as the store says where it is known, else as the node was started.

    A learner was started as a voter too, and one of the cluster a backup was taken of is in the books alone.
    """
    if signals.voters is not None:
        return record.node in signals.voters
    return record.role == "voter"


def _least(me: NodeId, signals: Signals) -> int:
    """Return how many other voters fall silent together only if the leader is deaf, not they gone."""
    voters = signals.voters
    needs_the_other = voters is not None and me in voters and len(voters) == _PAIR
    return 1 if needs_the_other else _MANY


def _is_counted_on(view: ClusterView, node: NodeId) -> bool:
    record = view.verdicts.get(node)
    return record is not None and record.verdict in _COUNTED_ON


def _standing(
    record: NodeRecord,
    present: VerdictRecord | None,
    signals: Signals,
    settings: ControlSettings,
    now: float,
) -> Standing:
    heard = signals.heard.get(record.node)
    of_this_life = heard is not None and heard.incarnation == record.incarnation
    return Standing(
        life=record.incarnation,
        verdict=present.verdict if present else None,
        judged_life=present.incarnation if present else "",
        drain=present.drain if present else None,
        reported_s=round(now - heard.at, 3) if heard is not None and of_this_life else None,
        silence_s=round(now - signals.last_sign(record.node), 3),
        suspect_after_s=settings.suspect_after_s,
        lost_after_s=settings.lost_after_s,
    )


def _sentence(node: NodeId, asked: Standing, verdict: VerdictRecord) -> str:
    match verdict.verdict:
        case Verdict.ON_DUTY:
            return f"{node} reports, life {verdict.incarnation}"
        case Verdict.JOINING:
            return f"{node} has registered and not reported yet"
        case Verdict.SUSPECT:
            return f"{node} has been silent for more than {asked.suspect_after_s:g} s"
        case Verdict.LOST:
            return f"{node} has been silent for more than {asked.lost_after_s:g} s"
        case Verdict.DRAINING:
            by = f", as {verdict.drain.by} ordered" if verdict.drain else ""
            return f"{node} reports, life {verdict.incarnation}, and is still to be emptied{by}"
        case Verdict.DECOMMISSIONED:
            back = f"{node} is back as life {verdict.incarnation} and stays empty until activated"
            was_to_stop = asked.drain is not None and asked.drain.shutdown
            stops = verdict.drain is not None and verdict.drain.shutdown
            return (
                f"{back}; the order to stop was for its life before"
                if was_to_stop > stops
                else back
            )


def may_host(view: ClusterView, node: NodeId) -> bool:
    """Whether new instances may be placed on the node."""
    verdict = view.verdicts.get(node)
    return node in view.nodes and verdict is not None and verdict.verdict is Verdict.ON_DUTY


def is_gone(view: ClusterView, node: NodeId) -> bool:
    """Whether whatever ran on the node must be considered dead."""
    verdict = view.verdicts.get(node)
    return node not in view.nodes or (verdict is not None and has_left(verdict))


def has_left(verdict: VerdictRecord) -> bool:
    """Whether the node is given up, or was emptied: nothing on it counts."""
    return verdict.verdict in _GONE


def is_relied_on(view: ClusterView, placed: Placed) -> bool:
    """Whether an instance serves, on a node that nobody doubts.

    The word of a silent node is old: nothing that serves may go because something serves there.
    """
    verdict = view.verdicts.get(placed[0])
    return verdict is not None and not is_doubted(verdict) and view.is_active(placed)


def is_doubted(verdict: VerdictRecord) -> bool:
    """Whether what the node has said last may be no longer so."""
    return verdict.verdict in _DOUBTED


def _evaluate(inputs: Mapping[str, str]) -> str:
    return decide(read(inputs, Standing)).verdict.value


RULES: Mapping[str, Evaluate] = {"judge": _evaluate}
