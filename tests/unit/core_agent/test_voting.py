"""Who asks for a vote, and who waits."""

from collections.abc import Sequence
from dataclasses import replace

from aether.core.agent.voting import VoteQuestion, may_ask, waiting_learners
from aether.core.model.ids import NodeId
from aether.core.model.records import Verdict, VerdictRecord
from aether.core.raft.membership import MAX_VOTERS
from tests.worlds import nodes

SIX = tuple(NodeId(f"v{number}") for number in range(MAX_VOTERS - 1))


def asks(me: str, voters: Sequence[NodeId], *waiting: str, is_worker: bool = False) -> bool:
    return may_ask(
        VoteQuestion(
            me=NodeId(me),
            voters=voters,
            waiting=tuple(map(NodeId, waiting)),
            is_worker=is_worker,
        )
    )


def test_a_learner_asks_while_a_place_is_free() -> None:
    assert asks("n1", SIX)
    assert not asks("n1", (*SIX, NodeId("v9")))
    assert not asks("n1", SIX, is_worker=True)
    assert not asks("v0", SIX)


def test_lower_names_go_first() -> None:
    assert not asks("n2", SIX, "n1")
    assert asks("n2", SIX, "n3")
    assert asks("n2", SIX[1:], "n1", "n3")


def test_only_learners_that_could_vote_are_waited_for() -> None:
    view = nodes("worker", "lost", "ready")
    view = replace(
        view,
        nodes={
            **view.nodes,
            NodeId("worker"): replace(view.nodes[NodeId("worker")], role="worker"),
        },
        verdicts={
            **view.verdicts,
            NodeId("lost"): VerdictRecord(verdict=Verdict.LOST, incarnation="life-1"),
        },
    )
    learners = [NodeId(name) for name in ("worker", "unknown", "ready", "lost")]
    assert waiting_learners(view, learners) == ["ready"]
