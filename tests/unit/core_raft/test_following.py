"""A follower takes its leader's log."""

import pytest

from aether.core.model.ids import NodeId
from aether.core.raft.entries import MEMBERS, Entry, HardState
from aether.core.raft.following import is_sound
from aether.core.raft.membership import encode_members
from aether.core.raft.messages import Append, AppendAnswer
from aether.core.raft.values import RaftConfig
from tests.raft_world import Bench, entry, members

LOG = [entry(1, 1), entry(2, 1), entry(3, 1)]


def append(term: int, prev: tuple[int, int], *entries: Entry, commit: int = 0) -> Append:
    last = entries[-1].index if entries else prev[0]
    return Append(term, 1, prev[0], prev[1], commit, entries, last)


@pytest.mark.parametrize(
    "nonsense",
    [
        append(2, (0, 0), entry(2, 1)),
        append(2, (0, 0), entry(1, 1), entry(3, 1)),
        append(2, (0, 0), entry(1, 2), entry(2, 1)),
        append(2, (0, 0), entry(1, 3)),
        append(2, (0, 5)),
        append(2, (-1, 0)),
        append(2, (0, 0), commit=-1),
        append(2, (0, 0), Entry(1, 1, MEMBERS, 0, b"junk")),
    ],
)
def test_nonsense_is_seen(nonsense: Append) -> None:
    assert not is_sound(nonsense)
    bench = Bench()
    assert bench.tell("b", nonsense) == []
    assert (bench.raft.last_index, bench.raft.term) == (0, 0)


def test_new_entries_are_acknowledged_once_they_are_on_disk() -> None:
    bench = Bench()
    bench.raft.receive(NodeId("b"), append(1, (0, 0), *LOG), 0.0)
    output = bench.take(sync=False)
    assert output.entries == tuple(LOG)
    assert output.messages == ()
    assert output.promises == ((NodeId("b"), AppendAnswer(1, 1, True, 0, 3, 0)),)
    # A heartbeat is answered at once, for what is on disk.
    bench.raft.receive(NodeId("b"), Append(1, 2, 3, 1, 0, (), 3), 0.0)
    assert bench.take().messages == ((NodeId("b"), AppendAnswer(1, 2, True, 3, 0, 0)),)


def test_telling_only_the_commit_index_is_not_answered() -> None:
    bench = Bench()
    bench.tell("b", append(1, (0, 0), *LOG))
    assert bench.tell("b", append(1, (3, 1), commit=3)) == []
    assert bench.raft.commit == 3


def test_entries_that_conflict_make_way_and_their_members_with_them() -> None:
    mine = [*LOG, Entry(4, 2, MEMBERS, 0, encode_members(members("ab")))]
    bench = Bench(entries=mine, hard_state=HardState(2, ""))
    assert bench.raft.members == members("ab")
    bench.raft.receive(NodeId("b"), append(3, (2, 1), entry(3, 1), entry(4, 3)), 0.0)
    output = bench.take()
    assert output.entries == (entry(4, 3),)
    assert output.members == members("abc")


def test_what_is_committed_agrees_by_itself() -> None:
    bench = Bench(entries=LOG, hard_state=HardState(1, ""))
    bench.tell("b", append(1, (3, 1), commit=3))
    bench.raft.compacted(4)
    (answer,) = bench.tell("b", append(1, (1, 1), *LOG[1:], entry(4, 1)))
    assert answer == AppendAnswer(1, 1, True, 1, 4, 0)


def test_a_full_disk_takes_no_entries_and_still_follows() -> None:
    bench = Bench()
    bench.raft.set_writable(False, 0.0)
    assert bench.tell("b", append(1, (0, 0), *LOG)) == []
    assert bench.raft.leader == "b"
    assert bench.raft.last_index == 0


def test_recovery_ends_with_the_leaders_whole_log_on_disk() -> None:
    bench = Bench(config=RaftConfig(node=NodeId("a"), recovering=True))
    old = Append(2, 1, 0, 0, 2, (entry(1, 1), entry(2, 1)), 2)
    bench.tell("b", old)
    assert bench.raft.recovering  # nothing of the leader's term is committed
    part = Append(2, 2, 2, 1, 3, (entry(3, 2),), 4)
    bench.tell("b", part)
    assert bench.raft.recovering  # the leader has more
    bench.raft.receive(NodeId("b"), Append(2, 3, 3, 2, 3, (entry(4, 2),), 4), 0.0)
    bench.take(sync=False)
    assert bench.raft.recovering  # not on disk
    bench.raft.persisted(4, 2)
    assert not bench.raft.recovering
