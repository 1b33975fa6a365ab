"""A cluster smaller than its operator wants asks for another node: one at a time, never too many.

A node that is wanted stands in the store before anybody is asked for it (`provision/{node}`), so a new
leader goes on where the old one stopped and no node is asked for under two names. Nodes that are LOST
stay in the books until an operator removes them; they hold their place for one more `lost_after_s`, in
which they may come back, and count against `max_nodes` as long as they are there.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from aether.core.control import evidence
from aether.core.control.signals import ControlSettings, Signals
from aether.core.control.waiting import Waiting
from aether.core.model.ids import NodeId, numbered
from aether.core.model.plan import DropProvision, Provision
from aether.core.model.provision_records import ProvisionRecord
from aether.core.model.reason import Reason
from aether.core.model.records import TopologyRecord, Verdict
from aether.core.model.view import ClusterView

_PRESENT = frozenset({Verdict.JOINING, Verdict.ON_DUTY, Verdict.SUSPECT})
_LEAVING = frozenset({Verdict.DRAINING, Verdict.DECOMMISSIONED})
_PREFIX = "node"
"""Of the names of new nodes where no name shows another one."""


class HealStep(StrEnum):
    """What is done about the size of the cluster."""

    ENOUGH = "enough"
    FULL = "full"
    """Nodes lack, and there may not be more of them: lost ones must be removed first."""
    NO_PROVIDER = "no provider"
    PROVISION = "provision"
    WAIT = "wait"
    """The node asked for has time left."""
    RETRY = "retry"
    """It has not appeared in time."""
    GIVEN_UP = "given up"
    FORGIVE = "forgive"
    """It was given up long ago: begin anew."""
    DROP = "drop"
    """It is on duty, or wanted no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealQuestion:
    """All the decision depends on; durations in seconds."""

    wanted: int
    """Nodes the operator wants, and those load asks for; 0 without a topology."""
    max_nodes: int
    present: int
    """Nodes on duty, and those that may be soon; not the one asked for."""
    existing: int
    """Nodes in the books, lost ones and the one asked for included."""
    has_provider: bool
    pending: str = ""
    """The node asked for; empty when there is none."""
    verdict: str = ""
    """Of the node asked for; empty while it is not there."""
    attempt: int = 0
    overdue: bool = False
    """Whether it has not appeared in its time."""
    forgiven: bool = False
    """Whether it was given up long enough ago."""
    tries: int = 5


def decide(question: HealQuestion) -> HealStep:
    """Return what to do about the size of the cluster."""
    if question.pending:
        return _about_pending(question)
    if question.present >= question.wanted:
        return HealStep.ENOUGH
    if not question.has_provider:
        return HealStep.NO_PROVIDER
    return HealStep.FULL if question.existing >= question.max_nodes else HealStep.PROVISION


def _about_pending(question: HealQuestion) -> HealStep:
    is_done = question.verdict in {Verdict.ON_DUTY, *_LEAVING}
    is_there = question.verdict in _PRESENT
    if is_done or (not is_there and question.present >= question.wanted):
        return HealStep.DROP
    if is_there:
        return HealStep.WAIT
    if not question.has_provider:
        return HealStep.NO_PROVIDER
    if question.attempt >= question.tries:
        return HealStep.FORGIVE if question.forgiven else HealStep.GIVEN_UP
    return HealStep.RETRY if question.overdue else HealStep.WAIT


def _evaluate(inputs: Mapping[str, str]) -> str:
    return decide(evidence.read(inputs, HealQuestion))


RULES: Mapping[str, evidence.Evaluate] = {"provision": _evaluate}
"""Rule → how its decision is made again."""


def heal(
    view: ClusterView, signals: Signals, settings: ControlSettings, now: float
) -> Iterator[Provision | DropProvision | Waiting]:
    """Yield what brings the cluster to the size its operator wants; nothing without a topology."""
    for node, record in sorted(view.provisions.items()):
        yield from _heal(_question(view, signals, settings, now, node), node, record)
    if view.topology is not None and not view.provisions:
        question = _question(view, signals, settings, now, None)
        yield from _grow(question, view, signals.nodes_wish.because)


def _question(
    view: ClusterView,
    signals: Signals,
    settings: ControlSettings,
    now: float,
    pending: NodeId | None,
) -> HealQuestion:
    topology = view.topology or TopologyRecord(nodes=0, max_nodes=0)
    question = HealQuestion(
        wanted=min(topology.nodes + signals.nodes_wish.more, topology.max_nodes),
        max_nodes=topology.max_nodes,
        present=sum(
            node != pending and _holds_place(view, signals, settings, now, node)
            for node in view.nodes
        ),
        existing=len({*view.nodes, *view.provisions}),
        has_provider=settings.has_provider,
        tries=settings.provision_tries,
    )
    if pending is None:
        return question
    attempt = view.provisions[pending].attempt
    age = now - signals.provision_since.get(pending, now)
    return replace(
        question,
        pending=pending,
        verdict=_standing(view, pending),
        attempt=attempt,
        overdue=age > call_after_s(attempt, settings) + settings.provision_timeout_s,
        forgiven=age > settings.provision_forgive_s,
    )


def _standing(view: ClusterView, node: NodeId) -> str:
    """Return the verdict on a node; JOINING for one nobody has judged, empty for one that is not there."""
    if node not in view.nodes:
        return ""
    verdict = view.verdicts.get(node)
    return verdict.verdict if verdict is not None else Verdict.JOINING


def _holds_place(
    view: ClusterView, signals: Signals, settings: ControlSettings, now: float, node: NodeId
) -> bool:
    """Whether no other node is needed in the place of this one, or not yet."""
    standing = _standing(view, node)
    if standing == Verdict.LOST:
        return now - signals.last_sign(node) <= 2 * settings.lost_after_s
    return standing in _PRESENT


def call_after_s(attempt: int, settings: ControlSettings) -> float:
    """Return how long the provider is let alone before it is asked: nothing at first, then more."""
    return settings.backoff_s(attempt - 1) if attempt else 0.0


def _heal(
    question: HealQuestion, node: NodeId, record: ProvisionRecord
) -> Iterator[Provision | DropProvision | Waiting]:
    step = decide(question)
    match step:
        case HealStep.DROP:
            text = f"{node} is on duty" if question.verdict else f"{node} is not needed any more"
            by_hand = _came_by_hand(question)
            if by_hand and question.verdict:
                text = f"{text}; nobody was being asked for it, so it counts as joined by hand"
            yield DropProvision(node, _because(question, step, text), by_hand)
        case HealStep.RETRY:
            problem = f"{node} has not appeared in time"
            again = replace(record, attempt=record.attempt + 1, problem=problem)
            yield Provision(node, again, _because(question, step, f"{problem}: ask for it again"))
        case HealStep.FORGIVE:
            anew = replace(record, attempt=0)
            text = f"{node} was given up long ago: ask for it anew"
            yield Provision(node, anew, _because(question, step, text))
        case HealStep.GIVEN_UP:
            yield Waiting(
                f"{node} was given up after {record.attempt} tries and is asked for again later; the "
                f"last problem: {record.problem or 'unknown'}"
            )
        case HealStep.NO_PROVIDER:
            yield Waiting(f"{node} is wanted, and {_NO_PROVIDER}")
        case _:
            trouble = f"; try {record.attempt} failed: {record.problem}" if record.attempt else ""
            yield Waiting(f"{node} has been asked for and is not on duty yet{trouble}")


def _came_by_hand(question: HealQuestion) -> bool:
    """Whether a node of this name, there or to come, counts as joined by an operator, and is kept.

    An operator who reads that a node is wanted, and that nobody can be asked for it, starts one; most
    likely under the name that was read. Of a request that is dropped while the provider is at it a machine may
    come yet: it is the provider's, or nobody would ever give it back.
    """
    return not question.has_provider or question.attempt >= question.tries


_NO_PROVIDER = "the leading node has no provider of nodes: give every node [provider] url, or start a node by hand"


def _grow(question: HealQuestion, view: ClusterView, why: str) -> Iterator[Provision | Waiting]:
    step = decide(question)
    short = f"{question.present} of {question.wanted} nodes are there"
    match step:
        case HealStep.PROVISION:
            node = next_name(view)
            text = f"{short}: ask for {node}{f' ({why})' if why else ''}"
            because = _because(question, step, text)
            yield Provision(node, ProvisionRecord(node=node), because)
        case HealStep.FULL:
            lost = [node for node in sorted(view.nodes) if _standing(view, node) == Verdict.LOST]
            remedy = f"; remove those that will not return: {', '.join(lost)}" if lost else ""
            yield Waiting(
                f"{short}, and {question.existing} exist, the most the topology allows{remedy}"
            )
        case HealStep.NO_PROVIDER:
            yield Waiting(f"{short}, and {_NO_PROVIDER}")
        case _:
            return


def next_name(view: ClusterView) -> NodeId:
    """Return the name of the next node: the prefix most nodes have, and a number above all of them.

    Removed ones count: a machine that comes back with their data would be no member.
    """
    taken = sorted({*view.nodes, *view.verdicts, *view.provisions})
    found = [each for name in taken if (each := numbered(name))]
    counts = Counter(prefix for prefix, _ in found)
    prefix = min(counts, key=lambda each: (-counts[each], each), default=_PREFIX)
    removed = [record.highest for each, record in view.removed.items() if each == prefix]
    highest = max([*removed, *(number for each, number in found if each == prefix)], default=0)
    return NodeId(f"{prefix}-{highest + 1}")


def _because(question: HealQuestion, step: HealStep, text: str) -> Reason:
    rejected: dict[str, str] = {}
    if step is HealStep.PROVISION:
        rejected["wait"] = "no node that is missing has come back within its time"
    return Reason("", "provision", text, evidence.write(question, step), rejected)
