"""Laws of who votes: learners that decide for themselves, and a leader that has the last word."""

from hypothesis import given
from hypothesis import strategies as st

from aether.core.agent.voting import VoteQuestion, may_ask
from aether.core.model.ids import NodeId
from aether.core.raft.entries import Members, Peer
from aether.core.raft.membership import MAX_VOTERS, changed
from aether.core.raft.values import Promote, Refusal, Remove

NAMES = tuple(f"n{number:02d}" for number in range(12))
_SEVERAL = st.sets(st.sampled_from(NAMES), min_size=1)


def peer(name: str) -> Peer:
    return Peer(NodeId(name), f"{name}:1")


def askers(members: Members, workers: set[str]) -> list[NodeId]:
    """Return the learners that ask when all see the members as they are."""
    voters = [each.node for each in members.voters]
    learners = [each.node for each in members.learners]
    return [
        node
        for node in learners
        if may_ask(
            VoteQuestion(
                me=node,
                voters=voters,
                waiting=[other for other in learners if other != node and other not in workers],
                is_worker=node in workers,
            )
        )
    ]


@given(_SEVERAL, st.sets(st.sampled_from(NAMES)), st.integers(1, MAX_VOTERS))
def test_no_more_ask_than_places_are_free(
    names: set[str], workers: set[str], founders: int
) -> None:
    ordered = sorted(names)
    members = Members(
        tuple(peer(name) for name in ordered[:founders]),
        tuple(peer(name) for name in ordered[founders:]),
    )
    asking = askers(members, workers)
    free = MAX_VOTERS - len(members.voters)
    able = [each.node for each in members.learners if each.node not in workers]
    assert asking == sorted(able)[: max(0, free)]


@given(_SEVERAL, st.sets(st.sampled_from(NAMES)), st.data())
def test_there_are_never_more_than_seven_voters_and_no_worker_is_one(
    names: set[str], workers: set[str], data: st.DataObject
) -> None:
    ordered = sorted(names)
    members = Members((peer(ordered[0]),), tuple(peer(name) for name in ordered[1:]))
    workers -= {ordered[0]}
    late = members
    for _ in range(25):
        asking = askers(data.draw(st.sampled_from([members, late])), workers)
        late = members
        promotes = data.draw(st.booleans()) and bool(asking)
        change: Promote | Remove = Remove(data.draw(st.sampled_from(members.voters)).node)
        if promotes:
            change = Promote(data.draw(st.sampled_from(asking)))
        after = changed(members, change)
        members = members if isinstance(after, Refusal) else after
        assert len(members.voters) <= MAX_VOTERS
        assert not {each.node for each in members.voters} & workers


@given(_SEVERAL, st.sets(st.sampled_from(NAMES)))
def test_promotions_end_with_every_place_taken_that_can_be(
    names: set[str], workers: set[str]
) -> None:
    ordered = sorted(names)
    workers -= {ordered[0]}
    members = Members((peer(ordered[0]),), tuple(peer(name) for name in ordered[1:]))
    while asking := askers(members, workers):
        after = changed(members, Promote(asking[-1]))
        assert isinstance(after, Members)
        members = after
    assert len(members.voters) == min(MAX_VOTERS, len(names - workers))
