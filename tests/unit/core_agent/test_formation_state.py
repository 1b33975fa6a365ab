"""Values of forming a cluster."""

from aether.core.agent.formation_state import FormationState, Formed, KnownNode, Proposal
from aether.core.model.ids import NodeId

ONE, TWO = (KnownNode(NodeId(f"node-{n}"), f"h:600{n}", f"h:610{n}") for n in (1, 2))


def test_a_proposal_becomes_the_cluster_it_proposed() -> None:
    formed = Proposal(ONE.node, "c1", (ONE, TWO)).formed()
    assert formed == Formed("c1", (ONE, TWO))
    assert formed.has(TWO.node)
    assert not formed.has(NodeId("node-3"))


def test_nodes_sort_by_name() -> None:
    assert sorted([TWO, ONE]) == [ONE, TWO]


def test_a_new_state_knows_and_promises_nothing() -> None:
    state = FormationState(me=ONE, expect=3)
    assert not state.known
    assert not state.found
    assert (state.promised, state.proposing, state.formed) == (None, None, None)
