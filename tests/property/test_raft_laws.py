"""Laws of the Raft core: under storms, and for any message whatever."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from aether.core.model.ids import NodeId
from aether.core.raft.entries import Entry, HardState
from aether.core.raft.messages import (
    Append,
    AppendAnswer,
    Message,
    PreVote,
    PreVoteAnswer,
    ReadAnswer,
    ReadRequest,
    TimeoutNow,
    Vote,
    VoteAnswer,
)
from aether.core.raft.values import AddLearner, Change, Promote, Remove
from tests.raft_fuzz import CONFIG, storm
from tests.raft_world import Bench, World, entry, peer

FAILED_ONCE = [0, 66, 177, 212, 228, 245, 2360, 3017, 3340, 4110]
"""Storms that broke a law or stuck while the core was written, and what surrounds them."""


@pytest.mark.parametrize("seed", [*FAILED_ONCE, *range(100, 130)])
def test_no_storm_breaks_a_law(seed: int) -> None:
    count = storm(seed)
    assert count["committed"] > 0


def test_storms_reach_what_they_are_for() -> None:
    total = sum((storm(seed, 800) for seed in range(30)), start=storm(30))
    for what in ("crash", "change", "compact", "transfer", "installed", "erase", "reads"):
        assert total[what] > 0, f"no storm had a {what}"


def test_a_seed_tells_one_story() -> None:
    assert storm(7) == storm(7)


numbers = st.one_of(
    st.integers(0, 8), st.integers(-2, 1 << 64), st.sampled_from([1 << 62, (1 << 64) - 1])
)
entries = st.lists(
    st.builds(Entry, numbers, numbers, st.integers(0, 4), numbers, st.binary(max_size=8)),
    max_size=4,
).map(tuple)
runs = st.builds(
    lambda prev, terms: tuple(entry(prev + n, t) for n, t in enumerate(sorted(terms), 1)),
    st.integers(0, 6),
    st.lists(st.integers(1, 6), max_size=4),
)
messages: st.SearchStrategy[Message] = st.one_of(
    st.builds(PreVote, numbers, numbers, numbers),
    st.builds(PreVoteAnswer, numbers, st.booleans()),
    st.builds(Vote, numbers, numbers, numbers, st.booleans()),
    st.builds(VoteAnswer, numbers, st.booleans()),
    st.builds(
        Append, numbers, numbers, numbers, numbers, numbers, st.one_of(entries, runs), numbers
    ),
    st.builds(AppendAnswer, numbers, numbers, st.booleans(), numbers, numbers, numbers),
    st.builds(TimeoutNow, numbers),
    st.builds(ReadRequest, numbers, numbers),
    st.builds(ReadAnswer, numbers, numbers, numbers),
)
senders = st.sampled_from(["a", "b", "c", "z"])


@settings(max_examples=300, deadline=None)
@given(st.booleans(), st.lists(st.tuples(senders, messages), max_size=30))
def test_no_message_makes_it_raise_or_go_back(leads: bool, mail: list[tuple[str, Message]]) -> None:
    log = [entry(1, 1), entry(2, 1), entry(3, 2)]
    bench = Bench(entries=log, hard_state=HardState(2, ""))
    if leads:
        bench.lead()
    before = (bench.raft.term, bench.raft.commit)
    for sender, message in mail:
        bench.tell(sender, message)
        bench.wait(0.05)
        after = (bench.raft.term, bench.raft.commit)
        assert after[0] >= before[0]
        assert after[1] >= before[1]
        assert bench.raft.commit <= bench.raft.last_index
        before = after
    bench.raft.status(bench.now)


class Group(RuleBasedStateMachine):
    """Three members and one that joins; Hypothesis decides what happens, the world checks."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World("abc", self.dice, config=CONFIG, joining="x")
        self.context = 0

    @staticmethod
    def dice(node: NodeId) -> Callable[[], float]:
        return lambda: "abcx".index(node) / 4

    @rule(node=st.sampled_from("abcx"))
    def turn_and_sync(self, node: str) -> None:
        host = self.world.hosts[NodeId(node)]
        if host.alive:
            host.turn()
            host.sync(len(host.pending))

    @rule(seconds=st.sampled_from([0.01, 0.11, 1.1, 2.1]))
    def pass_time(self, seconds: float) -> None:
        self.world.advance(seconds)

    @rule(data=st.data(), again=st.booleans(), lose=st.booleans())
    def deliver(self, data: st.DataObject, again: bool, lose: bool) -> None:
        mail = self.world.mail
        if mail:
            place = data.draw(st.integers(0, len(mail) - 1))
            sender, target, message = mail[place]
            if not again:
                del mail[place]
            if not lose:
                self.world.deliver(sender, target, message)

    @rule()
    def settle(self) -> None:
        self.world.settle()

    @rule(node=st.sampled_from("abcx"), count=st.integers(1, 3))
    def propose(self, node: str, count: int) -> None:
        host = self.world.hosts[NodeId(node)]
        if host.alive:
            self.world.propose(host, *[node.encode()] * count)

    @rule(node=st.sampled_from("abcx"))
    def read(self, node: str) -> None:
        self.context += 1
        if self.world.hosts[NodeId(node)].alive:
            self.world.read(self.world.hosts[NodeId(node)], self.context)

    @rule(node=st.sampled_from("abcx"), keep=st.integers(0, 3))
    def crash_or_start(self, node: str, keep: int) -> None:
        host = self.world.hosts[NodeId(node)]
        if host.alive:
            host.crash(keep)
        else:
            host.start()

    @rule(kind=st.sampled_from(["add", "promote", "remove"]), node=st.sampled_from("abcx"))
    def change(self, kind: str, node: str) -> None:
        leader = self.world.leader()
        name = NodeId(node)
        if leader is not None:
            changes: dict[str, Change] = {"add": AddLearner(peer(node)), "promote": Promote(name)}
            leader.raft.change(changes.get(kind, Remove(name)), self.world.now)

    @rule(node=st.sampled_from("abcx"), keep=st.integers(0, 2))
    def compact(self, node: str, keep: int) -> None:
        host = self.world.hosts[NodeId(node)]
        if host.alive and host.applied > host.written.snapshot.index:
            host.compact(keep)

    @invariant()
    def every_log_agrees_where_it_is_committed(self) -> None:
        for host in self.world.hosts.values():
            for index in range(host.written.first, host.applied + 1):
                assert host.written.at(index) == self.world.committed[index]


Group.TestCase.settings = settings(max_examples=40, stateful_step_count=60, deadline=None)
TestGroup = Group.TestCase
