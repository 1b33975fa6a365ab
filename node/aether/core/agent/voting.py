"""Which nodes ask for a vote, and when: few enough to stay quick, and never a worker.

Every learner decides for itself from what all can see. The one that changes the members has the last word
(`core.raft.membership`): it promotes nobody beyond `MAX_VOTERS`, however many ask.
"""

from collections.abc import Collection
from dataclasses import dataclass

from aether.core.model.ids import NodeId
from aether.core.model.records import Verdict
from aether.core.model.view import ClusterView
from aether.core.raft.membership import MAX_VOTERS


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteQuestion:
    """All the decision depends on."""

    me: NodeId
    voters: Collection[NodeId]
    waiting: Collection[NodeId]
    """Other learners that want a vote and are on duty."""
    is_worker: bool


def may_ask(question: VoteQuestion) -> bool:
    """Whether this learner asks for a vote now: a place is free, and no lower name waits for it."""
    free = MAX_VOTERS - len(question.voters)
    if question.is_worker or free <= 0 or question.me in question.voters:
        return False
    before = sum(node < question.me for node in question.waiting)
    return before < free


def waiting_learners(view: ClusterView, learners: Collection[NodeId]) -> list[NodeId]:
    """Return the learners that want a vote and could use one, sorted: registered, on duty, no worker."""
    return [
        node
        for node in sorted(learners)
        if (record := view.nodes.get(node)) is not None
        and record.role == "voter"
        and (verdict := view.verdicts.get(node)) is not None
        and verdict.verdict is Verdict.ON_DUTY
    ]
