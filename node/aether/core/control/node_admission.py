"""What the operator may do to nodes now: drain, shut down, activate and remove them, and say how many.

A change is admitted as guarded writes, or rejected with reasons; asked again, it changes nothing.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace

from aether.core.control.admission import Admitted, Rejected
from aether.core.control.margins import Margin, margin, margin_without
from aether.core.model import keys
from aether.core.model.ids import Artifact, NodeId, numbered
from aether.core.model.records import (
    DrainOrder,
    NodeRecord,
    RemovedRecord,
    TopologyRecord,
    Verdict,
    VerdictRecord,
    encode,
)
from aether.core.model.view import ClusterView
from aether.core.store.commands import Delete, DeletePrefix, Guard, Put

MAX_NODES = 1000
"""Most nodes a topology may name."""

_ORDERED = frozenset({Verdict.DRAINING, Verdict.DECOMMISSIONED})
_STAYS = frozenset({Verdict.LOST, Verdict.DECOMMISSIONED})
"""Verdicts an order to drain leaves as they are: the node is empty, or nothing of it answers."""
_NAMED = 8
"""Most artifacts named in one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Voting:
    """The consensus group as its leader sees it."""

    members: frozenset[NodeId] = frozenset()
    """Voters and learners."""
    voters: frozenset[NodeId] = frozenset()
    answering: frozenset[NodeId] = frozenset()


def admit_drain(
    view: ClusterView, node: NodeId, *, by: str, shutdown: bool = False, force: bool = False
) -> Admitted | Rejected:
    """Admit the order to empty a node.

    An order given again may ask for more (`shutdown`, `force`), never for less: only `admit_activate`
    takes it back. A LOST node stays LOST, and is drained if it returns.
    """
    record = view.nodes.get(node)
    if record is None:
        return _unknown(view, node)
    present = view.verdicts.get(node) or _unjudged(record)
    before = present.drain or DrainOrder(by=by)
    order = replace(before, shutdown=before.shutdown or shutdown, force=before.force or force)
    stays = present.verdict in _STAYS
    after = replace(present, verdict=present.verdict if stays else Verdict.DRAINING, drain=order)
    if shutdown and present.verdict is Verdict.DECOMMISSIONED:
        after = replace(after, incarnation=record.incarnation)  # the life that is to stop
    if after == present:
        return Admitted((), (), f"{node} is {present.verdict} already; nothing changes")
    return Admitted(
        (Put(keys.verdict(node), encode(after)),),
        _unchanged(view, node),
        _drain_summary(view, node, after),
    )


def _drain_summary(view: ClusterView, node: NodeId, after: VerdictRecord) -> str:
    hosted = sum(1 for placed in view.wanted if placed[0] == node)
    order = after.drain
    summary = f"{node} is {after.verdict} and hosts {hosted} instances"
    if order is not None and order.force:
        summary += "; they leave at once, below their budgets if need be"
    if order is not None and order.shutdown:
        summary += "; its process stops once it is empty"
    return summary


def admit_shutdown(
    view: ClusterView, node: NodeId, voting: Voting, *, by: str, force: bool = False
) -> Admitted | Rejected:
    """Admit draining a node and stopping its process; never what would cost the quorum."""
    decision = admit_drain(view, node, by=by, shutdown=True, force=force)
    if isinstance(decision, Rejected) or not decision.changed or node not in voting.voters:
        return decision
    left = voting.answering - {node} - _stopping(view)
    after = margin(voting.voters, left)
    if after.may_fail < 0:
        return Rejected(
            "conflict",
            (
                f"without {node}, {after.answering} of {after.voters} voters answer and "
                f"{after.quorum} make a quorum: nothing could be written any more; add nodes, or "
                "remove the lost ones, first",
            ),
        )
    # Every voter was counted on, or not, by its verdict: an order to another one meanwhile changes that.
    others = _guards(view, [keys.verdict(voter) for voter in sorted(voting.voters - {node})])
    return replace(
        decision,
        guards=(*decision.guards, *others),
        summary=f"{decision.summary}; {_margin_text(after)}",
    )


def _stopping(view: ClusterView) -> frozenset[NodeId]:
    """Return the nodes that are to stop once they are empty: they are not counted on."""
    return frozenset(
        node
        for node, record in view.verdicts.items()
        if record.drain is not None and record.drain.shutdown
    )


def _margin_text(left: Margin) -> str:
    spare = f"{left.may_fail} more may fail" if left.may_fail > 0 else "none may fail then"
    return (
        f"{left.answering} of {left.voters} voters answer then, a quorum is {left.quorum}: {spare}"
    )


def admit_activate(view: ClusterView, node: NodeId) -> Admitted | Rejected:
    """Admit taking an order to drain back, at any time; the node is on duty when it reports."""
    record = view.nodes.get(node)
    if record is None:
        return _unknown(view, node)
    present = view.verdicts.get(node) or _unjudged(record)
    if present.drain is None and present.verdict not in _ORDERED:
        return Admitted((), (), f"{node} is {present.verdict} and not being drained")
    verdict = Verdict.JOINING if present.verdict in _ORDERED else present.verdict
    after = replace(present, verdict=verdict, drain=None)
    return Admitted(
        (Put(keys.verdict(node), encode(after)),),
        _unchanged(view, node),
        f"{node} was {present.verdict} and is on duty again as soon as it reports",
    )


def admit_removal(
    view: ClusterView, node: NodeId, voting: Voting, *, runs: bool, force: bool = False
) -> Admitted | Rejected:
    """Admit forgetting a node for good: its records, and its place in the consensus group.

    `runs`: its process answers. The member goes before the records do; a removal that broke off in
    between, or left a member without records, is admitted again. `force` allows a group without a
    voter to spare, never one without a quorum.
    """
    verdict = view.verdicts.get(node)
    gone = verdict is not None and verdict.verdict in _STAYS
    if node not in view.nodes and verdict is None and node not in voting.members:
        return _unknown(view, node)
    if node in view.nodes and not gone:
        state = verdict.verdict if verdict is not None else "not judged yet"
        return _refused(
            f"{node} is {state}; only LOST and DECOMMISSIONED nodes are removed: "
            f"drain it first, with aether node shutdown {node}"
        )
    if runs:
        return _refused(
            f"the process of {node} still runs and would be left without a cluster: stop it first, "
            f"with aether node shutdown {node}"
        )
    blocked = _removal_risk(node, voting, force=force)
    if blocked:
        return _refused(blocked)
    taken = _number_taken(view, node)
    return Admitted(
        (
            Delete(keys.node(node)),
            Delete(keys.verdict(node)),
            Delete(keys.provision(node)),
            Delete(keys.provisioned(node)),
            DeletePrefix(keys.config(f"node/{node}", "")),
            *taken,
        ),
        (*_unchanged(view, node), *_guards(view, [put.key for put in taken])),
        f"{node} is removed; "
        + _margin_text(margin_without(node, voting.voters, voting.answering))
        + _copies_text(last_copies(view, node)),
    )


def _number_taken(view: ClusterView, node: NodeId) -> tuple[Put, ...]:
    """Return the write that keeps the number of a removed node from being given to another one."""
    name = numbered(node)
    if name is None:
        return ()
    prefix, number = name
    known = view.removed.get(prefix)
    if known is not None and known.highest >= number:
        return ()
    return (Put(keys.removed(prefix), encode(RemovedRecord(highest=number))),)


def last_copies(view: ClusterView, node: NodeId) -> tuple[Artifact, ...]:
    """Return the artifacts no other node has a copy of, sorted; what only LOST nodes have is gone too."""
    others = {other for other in view.nodes if other != node and not _is_lost(view, other)}
    return tuple(
        artifact
        for artifact, record in sorted(view.artifacts.items())
        if node in record.holders and not others & set(record.holders)
    )


def _is_lost(view: ClusterView, node: NodeId) -> bool:
    record = view.verdicts.get(node)
    return record is not None and record.verdict is Verdict.LOST


def _copies_text(artifacts: tuple[Artifact, ...]) -> str:
    if not artifacts:
        return ""
    named = ", ".join(map(str, artifacts[:_NAMED]))
    more = f" and {len(artifacts) - _NAMED} more" if len(artifacts) > _NAMED else ""
    return f"; the last copies of {named}{more} go with it: push them again, or start it once more"


def _removal_risk(node: NodeId, voting: Voting, *, force: bool) -> str:
    """Return why the member may not go, or nothing."""
    if node not in voting.voters:
        return ""
    before = margin(voting.voters, voting.answering)
    after = margin_without(node, voting.voters, voting.answering)
    counted = (
        f"without {node}, {after.answering} of {after.voters} voters answer and {after.quorum} "
        "make a quorum"
    )
    if after.voters == 0:
        return f"{node} is the last voter: without it there is no cluster"
    if after.may_fail < 0:
        return f"{counted}: nothing could be written any more; bring voters back or add some first"
    if after.may_fail == 0 < before.may_fail and not force:
        return (
            f"{counted}: the next failure would stop all writes; add a node first, or say that you "
            "accept it with force"
        )
    return ""


def admit_topology(view: ClusterView, nodes: int, max_nodes: int) -> Admitted | Rejected:
    """Admit how many nodes the cluster is to have, and never to exceed."""
    if not 1 <= nodes <= max_nodes <= MAX_NODES:
        return Rejected(
            "invalid",
            (
                f"{nodes} nodes of at most {max_nodes} cannot be: 1 ≤ nodes ≤ max_nodes ≤ "
                f"{MAX_NODES} must hold",
            ),
        )
    record = TopologyRecord(nodes=nodes, max_nodes=max_nodes)
    if record == view.topology:
        return Admitted((), (), f"{nodes} nodes of at most {max_nodes} are wanted already")
    summary = f"{nodes} nodes of at most {max_nodes} are wanted; there are {len(view.nodes)}"
    if len(view.nodes) > max_nodes:
        summary += ", none of which is stopped for that"
    return Admitted((Put(keys.TOPOLOGY, encode(record)),), _guards(view, (keys.TOPOLOGY,)), summary)


def admit_no_topology(view: ClusterView) -> Admitted:
    """Admit that nobody says any more how many nodes there are to be."""
    if view.topology is None:
        return Admitted((), (), "no topology is set")
    return Admitted(
        (Delete(keys.TOPOLOGY),),
        _guards(view, (keys.TOPOLOGY,)),
        "no number of nodes is wanted any more; lost ones are not replaced",
    )


def _unjudged(record: NodeRecord) -> VerdictRecord:
    return VerdictRecord(verdict=Verdict.JOINING, incarnation=record.incarnation)


def _unknown(view: ClusterView, node: NodeId) -> Rejected:
    known = ", ".join(sorted(view.nodes)) or "there is none"
    return Rejected("not_found", (f"there is no node {node}; known: {known}",))


def _refused(problem: str) -> Rejected:
    return Rejected("conflict", (problem,))


def _unchanged(view: ClusterView, node: NodeId) -> tuple[Guard, ...]:
    return _guards(view, (keys.verdict(node), keys.node(node)))


def _guards(view: ClusterView, touched: Collection[str]) -> tuple[Guard, ...]:
    return tuple(Guard(key, view.revisions.get(key, 0)) for key in touched)
