"""Cases of forming a cluster that the laws do not spell out."""

import pytest

from aether.core.agent import formation
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
    Wait,
)
from aether.core.model.ids import NodeId


def node(number: int, port: int = 6000) -> KnownNode:
    return KnownNode(NodeId(f"node-{number}"), f"h:{port + number}", f"h:{port + 100 + number}")


def fresh(number: int, expect: int = 3, *, joins_others: bool = True) -> FormationState:
    return formation.begin(
        node(number), expect=expect, joins_others=joins_others, promised=None, now=0.0
    )


def told(state: FormationState, *numbers: int, now: float = 1.0) -> FormationState:
    for number in numbers:
        state, refused = formation.hear(state, Announcement(node(number)), now)
        assert refused is None
    return state


def proposal(founder: int, *members: int, cluster_id: str = "c1") -> Proposal:
    return Proposal(NodeId(f"node-{founder}"), cluster_id, tuple(node(m) for m in members))


def reason_of(answer: Accepted | Refused) -> str:
    assert isinstance(answer, Refused)
    return answer.reason


def test_it_says_what_it_waits_for() -> None:
    state = told(fresh(3), 2)
    assert formation.next_step(state, 1.0) == Wait(
        "waiting for 1 more node: know node-2, node-3; expecting 3"
    )
    assert formation.next_step(fresh(3), 1.0) == Wait(
        "waiting for 2 more nodes: know node-3; expecting 3"
    )
    assert formation.next_step(told(state, 1), 1.0) == Wait(
        "waiting for node-1 to found the cluster with node-1, node-2, node-3"
    )


def test_the_lowest_proposes_the_first_of_those_it_knows() -> None:
    state = told(fresh(1), 5, 3, 4, 2)
    assert formation.next_step(state, 1.0) == Propose((node(1), node(2), node(3)))


def test_one_expected_founds_alone_unless_told_to_join() -> None:
    assert formation.next_step(fresh(7, 1, joins_others=False), 0.0) == Propose((node(7),))
    step = formation.next_step(fresh(7, 1), 0.0)
    assert isinstance(step, Wait)
    assert step.reason.startswith("waiting for a cluster to join")


def test_a_lower_node_does_not_keep_one_expected_from_founding() -> None:
    state = told(fresh(7, 1, joins_others=False), 1)
    assert formation.next_step(state, 1.0) == Propose((node(7),))


def test_a_founder_that_hears_everyone_accept_has_a_cluster() -> None:
    state = formation.propose(fresh(1), (node(1), node(2), node(3)), "c1", 1.0)
    everyone = frozenset({node(2).node, node(3).node})
    after, formed = formation.conclude(state, everyone, 2.0)
    assert formed == Formed("c1", (node(1), node(2), node(3)))
    assert formation.next_step(after, 2.0) == Start(formed)


@pytest.mark.parametrize(
    ("accepted", "now"),
    [({2}, 2.0), (set(), 2.0), ({2, 3}, 1.0 + formation.PROPOSAL_S + 0.1)],
)
def test_one_missing_or_late_acceptance_is_no_cluster(accepted: set[int], now: float) -> None:
    state = formation.propose(fresh(1), (node(1), node(2), node(3)), "c1", 1.0)
    after, formed = formation.conclude(state, frozenset(node(n).node for n in accepted), now)
    assert formed is None
    assert after.formed is None
    assert after.proposing is None


def test_a_proposal_is_accepted_by_a_member_that_knows_no_lower_node() -> None:
    state, answer = formation.consider(told(fresh(2), 3), proposal(1, 1, 2, 3), 1.0)
    assert answer == Accepted()
    assert formation.next_step(state, 1.0) == Wait(
        "accepted the founding by node-1, waiting for its outcome"
    )


@pytest.mark.parametrize(
    ("known", "asked", "said"),
    [
        ((1,), proposal(2, 2, 3, 4), "node-3 knows node-1, node-2, node-3"),
        ((), proposal(4, 3, 4, 5), "as the nodes to found a cluster"),
        ((), proposal(1, 1, 2, 4), "does not name node-3"),
        ((), proposal(1, 2, 1, 3), "twice or is not sorted"),
        ((), proposal(1, 1, 1, 3), "twice or is not sorted"),
        ((), proposal(1), "does not name node-3"),
    ],
)
def test_other_proposals_are_refused(known: tuple[int, ...], asked: Proposal, said: str) -> None:
    state, answer = formation.consider(told(fresh(3), *known), asked, 1.0)
    assert said in reason_of(answer)
    assert state.promised is None


def test_a_promise_keeps_other_founders_out_until_it_runs_out() -> None:
    state, _ = formation.consider(fresh(3), proposal(1, 1, 2, 3), 1.0)
    rival = proposal(0, 0, 1, 3, cluster_id="c2")
    rival = Proposal(rival.founder, "c2", (node(0), node(1), node(2), node(3)))
    same, answer = formation.consider(state, rival, 2.0)
    assert "accepted the founding by node-1" in reason_of(answer)
    assert same.promised == state.promised
    _, answer = formation.consider(state, rival, 1.0 + formation.PROMISE_S)
    assert answer == Accepted()


def test_the_same_founder_may_propose_again_at_once() -> None:
    state, _ = formation.consider(fresh(3), proposal(1, 1, 2, 3), 1.0)
    state, answer = formation.consider(state, proposal(1, 1, 2, 3, cluster_id="c2"), 1.5)
    assert answer == Accepted()
    assert state.promised is not None
    assert state.promised.cluster_id == "c2"


def test_a_node_that_founds_accepts_nobody_meanwhile() -> None:
    state = formation.propose(fresh(2), (node(2), node(3), node(4)), "c1", 1.0)
    _, answer = formation.consider(state, proposal(1, 1, 2, 3, cluster_id="c2"), 1.0)
    assert reason_of(answer) == "node-2 is founding a cluster itself"


def test_the_promised_cluster_is_started_any_other_is_joined() -> None:
    formed = Formed("c1", (node(1), node(2), node(3)))
    promised, _ = formation.consider(fresh(3), proposal(1, 1, 2, 3), 1.0)
    heard = Announcement(node(1), formed)
    state, _ = formation.hear(promised, heard, 2.0)
    assert formation.next_step(state, 2.0) == Start(formed)
    state, _ = formation.hear(fresh(4), heard, 2.0)
    assert formation.next_step(state, 2.0) == Join(formed)
    wiped, _ = formation.hear(fresh(3), heard, 2.0)
    assert formation.next_step(wiped, 2.0) == Join(formed)


def test_another_cluster_is_joined_only_when_the_promise_is_surely_void() -> None:
    state, _ = formation.consider(fresh(3), proposal(1, 1, 2, 3), 1.0)
    state, _ = formation.hear(state, Announcement(node(8), Formed("c8", (node(8),))), 2.0)
    for now in (2.0, 100.0):
        step = formation.next_step(state, now)
        assert isinstance(step, Wait)
        assert "node-1 may have founded another one" in step.reason
    state, _ = formation.hear(state, Announcement(node(1)), 1.0 + formation.PROMISE_S)
    assert formation.next_step(state, 6.0) == Join(Formed("c8", (node(8),)))


def test_a_restart_remembers_the_promise() -> None:
    promise = proposal(1, 1, 2, 3)
    state = formation.begin(node(3), expect=2, joins_others=True, promised=promise, now=50.0)
    assert set(state.known) == {"node-1", "node-2"}
    assert isinstance(formation.next_step(state, 51.0), Wait)
    state, _ = formation.hear(state, Announcement(node(4)), 100.0)
    _, answer = formation.consider(state, proposal(3, 3, 4, cluster_id="x"), 100.0)
    assert isinstance(answer, Refused)


def test_silent_nodes_are_forgotten_unless_promised() -> None:
    state = told(fresh(1), 2, 3, now=0.0)
    assert set(formation.forget(state, formation.FORGET_S - 0.1).known) == {"node-2", "node-3"}
    assert set(formation.forget(state, formation.FORGET_S).known) == set()
    promised, _ = formation.consider(fresh(3), proposal(1, 1, 2, 3), 0.0)
    assert set(formation.forget(promised, 1000.0).known) == {"node-1", "node-2"}


def test_only_nodes_heard_lately_are_told_of() -> None:
    message = Announcement(node(2), heard=(node(3),))
    state, _ = formation.hear(fresh(1), message, 0.0)
    assert set(state.known) == {"node-2", "node-3"}
    assert formation.announcement(state, 1.0).heard == (node(2),)
    assert formation.announcement(state, formation.FORGET_S + 1).heard == ()


def test_an_id_in_use_at_another_address_is_refused_while_its_node_is_heard() -> None:
    state = told(fresh(1), 2, now=1.0)
    twin = Announcement(node(2, port=7000))
    same, refused = formation.hear(state, twin, 2.0)
    assert refused is not None
    assert "node id node-2 is taken by the node at h:6002; h:7002 must start" in refused.reason
    assert same.known == state.known
    moved, refused = formation.hear(state, twin, 1.0 + formation.LIVE_S)
    assert refused is None
    assert moved.known[NodeId("node-2")] == node(2, port=7000)
    _, refused = formation.hear(state, Announcement(node(1, port=7000)), 2.0)
    assert refused is not None


def test_hearsay_does_not_change_the_address_of_a_node_heard_itself() -> None:
    state = told(fresh(1), 2)
    state, _ = formation.hear(state, Announcement(node(3), heard=(node(2, port=7000),)), 2.0)
    assert state.known[NodeId("node-2")] == node(2)


def test_no_more_nodes_are_remembered_than_the_limit() -> None:
    crowd = tuple(node(n) for n in range(2, 2 * formation.MAX_KNOWN))
    state, refused = formation.hear(fresh(1), Announcement(node(0), heard=crowd), 1.0)
    assert refused is None
    assert len(state.known) == formation.MAX_KNOWN
    _, refused = formation.hear(state, Announcement(node(9999)), 1.0)
    assert refused is not None
    assert "the most it remembers" in refused.reason


def test_a_cluster_is_never_left_for_another() -> None:
    state = formation.enter(fresh(1), Formed("mine", (node(1),)))
    state, _ = formation.hear(state, Announcement(node(8), Formed("other", (node(8),))), 1.0)
    assert formation.next_step(state, 1.0) == Start(Formed("mine", (node(1),)))
    with pytest.raises(ValueError, match="is in cluster mine, not other"):
        formation.enter(state, Formed("other", (node(1),)))


def test_a_worker_founds_no_cluster_and_is_in_none_that_is_founded() -> None:
    worker = KnownNode(NodeId("a"), "a:1", "a:2", worker=True)
    voter = KnownNode(NodeId("b"), "b:1", "b:2")
    alone = formation.begin(worker, expect=1, joins_others=True, promised=None, now=0.0)
    told, _ = formation.hear(alone, Announcement(voter), 0.0)
    step = formation.next_step(told, 0.0)
    assert isinstance(step, Wait)
    assert "a worker, waiting for a cluster to join; know b" in step.reason
    founding = formation.begin(voter, expect=2, joins_others=True, promised=None, now=0.0)
    founding, _ = formation.hear(founding, Announcement(worker), 0.0)
    assert isinstance(formation.next_step(founding, 0.0), Wait), (
        "the worker does not count as the second"
    )
    proposal = Proposal(NodeId("a"), "c", (worker, voter))
    _, answer = formation.consider(founding, proposal, 0.0)
    assert isinstance(answer, Refused)
    assert "a is a worker" in answer.reason


def test_a_worker_joins_the_cluster_it_finds() -> None:
    worker = KnownNode(NodeId("w"), "w:1", "w:2", worker=True)
    member = KnownNode(NodeId("a"), "a:1", "a:2")
    formed = Formed("c", (member,))
    state = formation.begin(worker, expect=1, joins_others=True, promised=None, now=0.0)
    state, _ = formation.hear(state, Announcement(member, formed), 0.0)
    assert formation.next_step(state, 0.0) == Join(formed)
