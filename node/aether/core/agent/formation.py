"""How nodes that know nothing become one cluster: who founds it, who accepts, who joins later.

Rules for this file. A cluster is founded by the lowest node id, with the acceptance of every
founding member, and by nobody else. A node accepts only a proposal whose members are exactly the
lowest ids it knows, and never forgets whom it accepted: that is what keeps two foundings from
sharing a member (`docs/adr/0004-forming-a-cluster.md` has the argument). Instants are seconds on
the node's own monotonic clock.
"""

from collections.abc import Iterable
from dataclasses import replace

from aether.core.agent.formation_state import (
    Accepted,
    Announcement,
    FormationState,
    Formed,
    Join,
    KnownNode,
    Proposal,
    Propose,
    Refused,
    Start,
    Step,
    Wait,
)
from aether.core.model.ids import NodeId

PROMISE_S = 5.0
"""How long an acceptance keeps a node from accepting another founder."""

PROPOSAL_S = 3.0
"""How long a founder collects acceptances; shorter than a promise, so none runs out meanwhile."""

FORGET_S = 15.0
"""Silence after which a node that was never part of a promise is forgotten."""

LIVE_S = 10.0
"""A node heard this recently keeps its id: another address claiming it is refused."""

MAX_KNOWN = 256
"""Most nodes remembered while forming; announcements of more are not believed."""


def begin(
    me: KnownNode, *, expect: int, joins_others: bool, promised: Proposal | None, now: float
) -> FormationState:
    """Return the state of a node that starts; `promised` is what it accepted in an earlier life."""
    state = FormationState(
        me=me,
        expect=expect,
        joins_others=joins_others,
        promised=promised,
        promised_until=now + PROMISE_S if promised else 0.0,
    )
    return _remember(state, promised.members, now) if promised else state


def announcement(state: FormationState, now: float) -> Announcement:
    """Return what this node has to tell."""
    heard = tuple(
        state.known[node]
        for node in sorted(state.heard_at)
        if now - state.heard_at[node] <= FORGET_S
    )
    return Announcement(state.me, state.formed, heard)


def hear(
    state: FormationState, message: Announcement, now: float
) -> tuple[FormationState, Refused | None]:
    """Take in an announcement; a refusal says that its sender uses an id that is taken."""
    sender = message.sender
    if sender == state.me:
        return state, None
    if sender.node == state.me.node:
        return state, _taken(sender, state.me.cluster_addr)
    before = state.known.get(sender.node, sender)
    if before != sender and now - state.heard_at.get(sender.node, -LIVE_S) < LIVE_S:
        return state, _taken(sender, before.cluster_addr)
    state = forget(state, now)
    if sender.node not in state.known and len(state.known) >= MAX_KNOWN:
        return state, Refused(
            f"{state.me.node} already knows {MAX_KNOWN} nodes, the most it remembers while forming"
        )
    state = replace(
        state,
        known={**state.known, sender.node: sender},
        heard_at={**state.heard_at, sender.node: now},
    )
    state = _remember(state, message.heard, now)
    if message.formed is not None and state.formed is None:
        others = {i: c for i, c in state.found.items() if not c.has(sender.node)}
        state = replace(state, found={**others, message.formed.cluster_id: message.formed})
    return state, None


def _taken(sender: KnownNode, address: str) -> Refused:
    return Refused(
        f"node id {sender.node} is taken by the node at {address}; {sender.cluster_addr} must "
        f"start under another id (--node-id)"
    )


def _remember(state: FormationState, nodes: Iterable[KnownNode], now: float) -> FormationState:
    """Add nodes told of by others; what a node said itself is believed over that."""
    known, told_at = dict(state.known), dict(state.told_at)
    for node in nodes:
        if node.node == state.me.node or (node.node not in known and len(known) >= MAX_KNOWN):
            continue
        if node.node not in state.heard_at:
            known[node.node] = node
        told_at[node.node] = now
    return replace(state, known=known, told_at=told_at)


def forget(state: FormationState, now: float) -> FormationState:
    """Drop nodes nobody has heard for long; those of a promise stay for ever."""
    promised = {member.node for member in state.promised.members} if state.promised else set()

    def stays(node: NodeId) -> bool:
        last = max(state.heard_at.get(node, -FORGET_S), state.told_at.get(node, -FORGET_S))
        return node in promised or now - last < FORGET_S

    if all(stays(node) for node in state.known):
        return state
    return replace(
        state,
        known={node: known for node, known in state.known.items() if stays(node)},
        heard_at={node: at for node, at in state.heard_at.items() if stays(node)},
        told_at={node: at for node, at in state.told_at.items() if stays(node)},
    )


def consider(
    state: FormationState, proposal: Proposal, now: float
) -> tuple[FormationState, Accepted | Refused]:
    """Answer a founder; the caller keeps `promised` on disk before it says so."""
    state = forget(state, now)
    problem = _objection(state, proposal, now)
    if problem is not None:
        return _remember(state, _trusted(proposal), now), Refused(problem)
    state = replace(state, promised=proposal, promised_until=now + PROMISE_S)
    return _remember(state, proposal.members, now), Accepted()


def _trusted(proposal: Proposal) -> tuple[KnownNode, ...]:
    """Return the founder: it lives, for it sent this; the others are hearsay of unknown age."""
    return tuple(member for member in proposal.members if member.node == proposal.founder)


def _objection(state: FormationState, proposal: Proposal, now: float) -> str | None:
    me, members = state.me.node, {member.node: member for member in proposal.members}
    if proposal.members != tuple(sorted(members.values())):
        return f"the proposal of {proposal.founder} names a member twice or is not sorted"
    if members.get(me) != state.me:
        return f"the proposal does not name {me} at {state.me.cluster_addr}"
    workers = [node for node in sorted(members) if members[node].worker]
    if workers:
        return f"{workers[0]} is a worker: it never votes and founds no cluster"
    lowest = _lowest(_founders(state) | set(members), len(members))
    if proposal.founder != lowest[0] or set(members) != set(lowest):
        return f"{me} knows {', '.join(lowest)} as the nodes to found a cluster"
    return _bound_elsewhere(state, proposal.founder, now)


def _bound_elsewhere(state: FormationState, founder: NodeId, now: float) -> str | None:
    """Return what else this node is in, or may be about to be in."""
    me, promised = state.me.node, state.promised
    if state.formed is not None:
        return f"{me} is in cluster {state.formed.cluster_id}"
    if state.found:
        return f"{me} has found cluster {min(state.found)} and will join it"
    if state.proposing is not None:
        return f"{me} is founding a cluster itself"
    if promised is not None and promised.founder != founder and now < state.promised_until:
        return f"{me} has accepted the founding by {promised.founder} and waits for its outcome"
    return None


def _founders(state: FormationState) -> set[NodeId]:
    """Return the other nodes known that may found a cluster: workers only join one."""
    return {node for node, known in state.known.items() if not known.worker}


def _lowest(nodes: set[NodeId], count: int) -> tuple[NodeId, ...]:
    return tuple(sorted(nodes)[:count])


def propose(
    state: FormationState, members: tuple[KnownNode, ...], cluster_id: str, now: float
) -> FormationState:
    """Begin collecting acceptances; the founder itself accepts by proposing."""
    proposal = Proposal(state.me.node, cluster_id, members)
    return replace(
        state,
        proposing=proposal,
        proposing_until=now + PROPOSAL_S,
        promised=proposal,
        promised_until=now + PROMISE_S,
    )


def conclude(
    state: FormationState, accepted: frozenset[NodeId], now: float
) -> tuple[FormationState, Formed | None]:
    """End the proposal: the cluster exists when every other member accepted in time."""
    proposal = state.proposing
    if proposal is None:
        return state, None
    others = {member.node for member in proposal.members} - {state.me.node}
    in_time = now <= state.proposing_until
    state = replace(state, proposing=None, proposing_until=0.0)
    if others <= accepted and in_time:
        return replace(state, formed=proposal.formed()), proposal.formed()
    return replace(state, promised_until=0.0), None


def enter(state: FormationState, formed: Formed) -> FormationState:
    """Be in a cluster from now on; entering a second one is a defect and raises ValueError."""
    if state.formed is not None and state.formed.cluster_id != formed.cluster_id:
        raise ValueError(
            f"{state.me.node} is in cluster {state.formed.cluster_id}, not {formed.cluster_id}"
        )
    return replace(state, formed=formed, proposing=None, found={})


def next_step(state: FormationState, now: float) -> Step:
    """Decide what to do next."""
    if state.formed is not None:
        return Start(state.formed)
    if state.found:
        return _towards(state)
    if state.me.worker:
        return Wait(
            f"a worker, waiting for a cluster to join; know {_names(state.known) or 'nobody'}"
        )
    promise = state.promised
    bound = promise is not None and promise.founder != state.me.node
    if promise is not None and bound and now < state.promised_until:
        return Wait(f"accepted the founding by {promise.founder}, waiting for its outcome")
    if state.expect == 1 and not bound:
        return _alone(state)
    return _together(state)


def _alone(state: FormationState) -> Step:
    """One node suffices: found at once, unless told of others who are to be joined."""
    if state.joins_others:
        return Wait(f"waiting for a cluster to join; know {_names((state.me.node, *state.known))}")
    return Propose((state.me,))


def _together(state: FormationState) -> Step:
    """Found when enough are known and none of them is lower."""
    nodes = {node: state.known[node] for node in _founders(state)} | {state.me.node: state.me}
    missing = state.expect - len(nodes)
    if missing > 0:
        return Wait(
            f"waiting for {missing} more node{'s' if missing > 1 else ''}: "
            f"know {_names(nodes)}; expecting {state.expect}"
        )
    lowest = _lowest(set(nodes), state.expect)
    if lowest[0] != state.me.node:
        return Wait(f"waiting for {lowest[0]} to found the cluster with {', '.join(lowest)}")
    return Propose(tuple(nodes[node] for node in lowest))


def _towards(state: FormationState) -> Step:
    """Be the member of an existing cluster that was promised, or ask to be added to one."""
    promise, first = state.promised, state.found[min(state.found)]
    if promise is None or promise.founder == state.me.node:
        return Join(first)
    promised = state.found.get(promise.cluster_id)
    if promised is not None and promised.has(state.me.node):
        return Start(promised)
    for cluster in state.found.values():
        if cluster.has(promise.founder):
            return Join(cluster)
    if state.promised_until <= state.heard_at.get(promise.founder, -1.0):
        return Join(first)
    return Wait(
        f"found cluster {first.cluster_id}, but {promise.founder} may have founded another one "
        f"with this node and has not been heard since; start {promise.founder}, or start this "
        "node with an empty data directory"
    )


def _names(nodes: Iterable[NodeId]) -> str:
    return ", ".join(sorted(nodes))
