"""When a node asks for a vote: as a learner, until it has one; a worker never."""

from collections.abc import Sequence

import pytest

from aether.core.model import keys
from aether.core.model.ids import NodeId
from aether.core.model.records import Verdict, encode
from aether.core.store.commands import Entry, Range
from aether.errors import Conflict
from aether.node.clock import MonotonicClock
from aether.node.voting import become_voter
from aether.ports import Group, Member, Store
from tests.worlds import nodes

NODE = NodeId("node-1")


class Registry(Store):
    """A store of which only the level is asked: nodes on duty."""

    def __init__(self, *names: str) -> None:
        view = nodes(*names, verdict=Verdict.ON_DUTY)
        self._values = {
            **{keys.node(node): encode(record) for node, record in view.nodes.items()},
            **{keys.verdict(node): encode(record) for node, record in view.verdicts.items()},
        }

    def level(self, prefixes: Sequence[str]) -> Range:
        entries = tuple(Entry(key, value, 1, 1, 1) for key, value in sorted(self._values.items()))
        return Range(1, entries)


class Learning(Group):
    """A group in which this node learns; promotion fails once.

    Until it is heard, this node is believed to vote, as it did before it lost its store.
    """

    def __init__(self) -> None:
        self.asked: list[Member] = []
        self._members: tuple[Member, ...] = (Member(NodeId("other"), "h:1"), Member(NODE, "h:2"))

    @property
    def members(self) -> tuple[Member, ...]:
        return self._members

    def join(self) -> None:
        self._members = (self._members[0], Member(NODE, "h:2", voter=False))

    def leave(self) -> None:
        self._members = self._members[:1]

    async def add_member(self, member: Member, timeout_s: float) -> None:
        self.asked.append(member)
        if len(self.asked) == 1:
            raise Conflict("another change is under way")
        self._members = (self._members[0], member)


class Hurried(MonotonicClock):
    """Waits for nothing, and has the group go on after a few waits."""

    def __init__(self, group: Learning) -> None:
        self._group = group
        self.waits = 0

    async def sleep(self, seconds: float) -> None:
        self.waits += 1
        if self.waits == 2:
            self._group.leave()
        if self.waits == 3:
            assert self._group.asked == [], "a node that is no member asks for no vote"
            self._group.join()
        if self.waits == 7:
            raise EndOfTest


class EndOfTest(Exception):
    """A node asks for ever."""


async def test_a_learner_asks_for_a_vote_until_it_has_one() -> None:
    group = Learning()  # type: ignore[abstract] # what is not asked for is left out
    with pytest.raises(EndOfTest):
        await become_voter(group, Registry(), NODE, Hurried(group))  # type: ignore[abstract] # as above
    assert group.asked == [Member(NODE, "h:2", voter=True)] * 2


async def test_a_worker_never_asks() -> None:
    group = Learning()  # type: ignore[abstract] # as above
    group.join()
    await become_voter(group, Registry(), NODE, Hurried(group), is_worker=True)  # type: ignore[abstract] # as above
    assert group.asked == []


async def test_beyond_seven_voters_nobody_asks() -> None:
    group = Learning()  # type: ignore[abstract] # as above
    full = tuple(Member(NodeId(f"v{number}"), f"h:{number}") for number in range(7))
    asking = Hurried(group)

    def join() -> None:
        group._members = (*full, Member(NODE, "h:9", voter=False))

    group.join = join  # type: ignore[method-assign] # joins a full group instead
    with pytest.raises(EndOfTest):
        await become_voter(group, Registry(), NODE, asking)  # type: ignore[abstract] # as above
    assert group.asked == []


async def test_the_lowest_name_waiting_goes_first() -> None:
    group = Learning()  # type: ignore[abstract] # as above
    six = tuple(Member(NodeId(f"v{number}"), f"h:{number}") for number in range(6))
    lower = Member(NodeId("node-0"), "h:8", voter=False)

    def join() -> None:
        group._members = (*six, lower, Member(NODE, "h:9", voter=False))

    group.join = join  # type: ignore[method-assign] # joins a group with one place left
    with pytest.raises(EndOfTest):
        await become_voter(group, Registry("node-0"), NODE, Hurried(group))  # type: ignore[abstract] # as above
    assert group.asked == []
