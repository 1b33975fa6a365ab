"""Ready means: a leader, a record, a router with a table."""

from aether.core.model.ids import NodeId
from aether.node.readiness import Readiness


def test_every_reason_against_it_is_said_and_none_means_ready() -> None:
    readiness = Readiness(leader=lambda: None, router_revision=lambda: None)
    reasons = " ".join(readiness())
    assert "leader" in reasons
    assert "registered" in reasons
    assert "router" in reasons
    ready = Readiness(leader=lambda: NodeId("n1"), router_revision=lambda: 0, registered=True)
    assert list(ready()) == []


def test_a_node_that_was_removed_says_so_and_nothing_of_a_lost_quorum() -> None:
    readiness = Readiness(
        leader=lambda: None,
        router_revision=lambda: 0,
        registered=True,
        removed=lambda: "n1 is no member of its cluster any more",
    )
    assert list(readiness()) == ["n1 is no member of its cluster any more"]


def test_a_store_that_does_not_answer_is_not_ready() -> None:
    readiness = Readiness(
        leader=lambda: NodeId("n1"),
        router_revision=lambda: 0,
        store_answers=lambda: False,
        registered=True,
    )
    (reason,) = readiness()
    assert "store.log" in reason


def test_a_router_that_has_not_confirmed_its_first_table_is_not_ready() -> None:
    readiness = Readiness(leader=lambda: NodeId("n1"), router_revision=lambda: -1, registered=True)
    assert len(list(readiness())) == 1
