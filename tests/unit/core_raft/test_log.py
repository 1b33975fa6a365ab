"""Where the log begins and ends, what is on disk, what is committed."""

from aether.core.raft.entries import HardState, SnapshotPoint
from aether.core.raft.log import Log
from tests.raft_world import Disk, entry, members

ENTRIES = [entry(1, 1), entry(2, 1), entry(3, 2), entry(4, 4)]


def log(snapshot: int = 0, first: int = 1, tail: int = 2) -> Log:
    point = SnapshotPoint(snapshot, 1 if snapshot else 0, snapshot, members("abc"))
    disk = Disk(HardState(4, ""), point, first, ENTRIES[first - 1 :])
    return Log(disk.start(tail), disk, 1000)


def test_entries_come_from_memory_and_from_the_reader() -> None:
    assert [e.index for e in log().entries(1, 4, 1000)] == [1, 2]  # the reader's
    assert [e.index for e in log().entries(3, 9, 1000)] == [3, 4]
    assert log().entries(5, 9, 1000) == ()
    assert log(snapshot=2, first=3).entries(1, 4, 1000) == ()


def test_the_term_before_the_first_entry_is_known_from_the_snapshot_only() -> None:
    assert log(snapshot=2, first=3).term_at(2) == 1
    assert log(snapshot=3, first=3).term_at(2) is None
    assert log().term_at(0) == 0
    assert log().term_at(5) is None


def test_a_sync_counts_only_for_the_entry_it_was_of() -> None:
    written = log()
    written.append([entry(5, 4)])
    assert not written.persisted_to(5, 3)
    assert written.persisted_to(5, 4)
    assert not written.persisted_to(5, 4)
    assert written.persisted == 5


def test_a_second_truncation_waits_until_the_first_is_on_disk() -> None:
    written = log()
    written.truncate(4)
    written.append([entry(4, 5)])
    assert (written.persisted, written.may_truncate()) == (3, False)
    assert written.take_unwritten() == (entry(4, 5),)
    written.persisted_to(4, 4)  # of the entry that was replaced
    assert not written.may_truncate()
    written.persisted_to(4, 5)
    assert written.may_truncate()


def test_truncating_behind_the_tail_keeps_cluster_time() -> None:
    written = log(tail=1)
    written.truncate(3)
    assert (written.last_index, written.last_term, written.last_time_ms) == (2, 1, 2)


def test_cluster_time_is_known_without_a_tail() -> None:
    assert log(tail=0).last_time_ms == 4


def test_peers_that_are_equally_far_get_the_same_tuple() -> None:
    written = log()
    assert written.batch(3, 1000)[0] is written.batch(3, 1000)[0]
    written.append([entry(5, 4)])
    assert len(written.batch(3, 1000)[0]) == 3


def test_only_what_is_committed_is_compacted() -> None:
    written = log()
    written.commit_to(2)
    written.compact(9)
    assert (written.first_index, written.term_at(2), written.term_at(1)) == (3, 1, None)


def test_a_snapshot_ahead_of_the_log_is_the_whole_log() -> None:
    disk = Disk(HardState(4, ""), SnapshotPoint(9, 4, 77, members("abc")), 1, ENTRIES)
    started = Log(disk.start(4), disk, 1000)
    assert (started.first_index, started.last_index, started.commit) == (10, 9, 9)
    assert started.last_time_ms == 77


def test_the_better_log_ends_in_a_later_term_or_is_longer() -> None:
    assert log().is_behind(4, 4)
    assert log().is_behind(1, 5)
    assert not log().is_behind(9, 3)
    assert not log().is_behind(3, 4)
