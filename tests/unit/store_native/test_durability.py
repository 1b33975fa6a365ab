"""Nothing is promised that is not on disk, and what cannot be written waits without a promise."""

from collections.abc import Sequence

import pytest

from aether.core.model.ids import NodeId
from aether.core.raft.entries import COMMAND, Entry, HardState
from aether.core.raft.messages import AppendAnswer, Message, VoteAnswer
from aether.core.raft.values import Output
from aether.store.disk.entry_log import EntryLog, LogLimits
from aether.store.disk.errors import NoSpace
from aether.store.disk.vote_file import VoteFile
from aether.store.native.durability import MOST_HELD, Durability
from tests.unit.store_native.memory_disk import MemoryDisk

A = NodeId("a")


def world() -> tuple[Durability, MemoryDisk]:
    disk = MemoryDisk()
    votes = VoteFile.open(disk)
    log = EntryLog.open(disk, LogLimits(segment_bytes=4096, reserve_bytes=0), 0)
    return Durability(log, votes, 0), disk


def entries(first: int, last: int, term: int = 1, data: bytes = b"x") -> tuple[Entry, ...]:
    return tuple(Entry(index, term, COMMAND, 0, data) for index in range(first, last + 1))


def accepted(index: int, term: int = 1) -> tuple[NodeId, Message]:
    return A, AppendAnswer(term, 1, accepted=True, prev_index=0, index=index, hint_term=0)


def refused(index: int) -> tuple[NodeId, Message]:
    return A, AppendAnswer(1, 1, accepted=False, prev_index=9, index=index, hint_term=0)


def sync(durability: Durability, term: int = 1) -> tuple[Sequence[tuple[NodeId, Message]], bool]:
    job = durability.sync_job()
    assert job is not None
    job.run()
    return durability.synced(job, term)


def test_an_acknowledgement_waits_for_the_sync_that_covers_it() -> None:
    durability, _ = world()
    durability.keep(Output(entries=entries(1, 3)))
    durability.write()
    assert durability.sendable([accepted(0), refused(7), accepted(3)]) == [accepted(0), refused(7)]
    assert sync(durability) == ([accepted(3)], True)
    assert durability.durable == 3
    assert durability.sendable([accepted(3)]) == [accepted(3)]
    assert durability.sync_job() is None


def test_a_sync_covers_what_was_written_when_it_began() -> None:
    durability, _ = world()
    durability.keep(Output(entries=entries(1, 3)))
    durability.write()
    job = durability.sync_job()
    assert job is not None
    durability.keep(Output(entries=entries(4, 5)))
    durability.write()
    assert durability.sync_job() is None
    assert durability.sendable([accepted(3), accepted(5)]) == []
    job.run()
    assert durability.synced(job, 1) == ([accepted(3)], True)
    assert sync(durability) == ([accepted(5)], True)


def test_what_is_replaced_during_a_sync_is_not_durable() -> None:
    durability, _ = world()
    durability.keep(Output(entries=entries(1, 5)))
    durability.write()
    durability.sendable([accepted(5, term=1)])
    job = durability.sync_job()
    assert job is not None
    durability.keep(Output(entries=entries(3, 6, term=2)))
    durability.write()
    job.run()
    assert durability.synced(job, 2) == ([], False)
    assert durability.durable == 2
    # The old promise spoke of entries that are gone.
    assert sync(durability, term=2) == ([], True)
    assert durability.durable == 6


def test_votes_wait_for_nothing_but_the_hard_state() -> None:
    durability, _ = world()
    durability.keep(Output(hard_state=HardState(4, "b"), entries=entries(1, 1)))
    durability.write()
    vote = (A, VoteAnswer(4, granted=True))
    assert durability.sendable([vote, accepted(1)]) == [vote]
    assert durability.votes.state == HardState(4, "b")


def test_what_does_not_fit_waits_and_is_replaced_in_memory_too() -> None:
    durability, disk = world()
    disk.capacity = disk.used()
    durability.keep(Output(entries=entries(1, 40, data=bytes(200))))
    with pytest.raises(NoSpace):
        durability.write()
    assert durability.stuck
    assert not durability.silenced
    assert durability.sendable([accepted(40)]) == []
    durability.keep(Output(entries=entries(3, 4, term=2)))
    disk.capacity = 1 << 30
    durability.write()
    assert not durability.stuck
    assert durability.log.last_index == 4
    assert [entry.term for entry in durability.log.read(1, 4, 1 << 20)] == [1, 1, 2, 2]
    assert sync(durability, term=2) == ([], True)


def test_without_its_hard_state_on_disk_a_member_is_silent() -> None:
    durability, disk = world()
    disk.capacity = disk.used()
    durability.keep(Output(hard_state=HardState(9, "c")))
    with pytest.raises(NoSpace):
        durability.write()
    assert durability.silenced
    disk.capacity = 1 << 30
    durability.write()
    assert not durability.silenced
    assert VoteFile.open(disk).state == HardState(9, "c")


def test_held_promises_are_bounded() -> None:
    durability, _ = world()
    last = MOST_HELD + 50
    durability.keep(Output(entries=entries(1, last)))
    durability.write()
    for index in range(1, last + 1):
        durability.sendable([accepted(index)])
    promises, _ = sync(durability)
    assert len(promises) == MOST_HELD
    assert promises[-1] == accepted(last)


def test_a_restart_after_a_snapshot_forgets_what_was_held() -> None:
    durability, _ = world()
    durability.keep(Output(entries=entries(1, 5)))
    durability.write()
    durability.sendable([accepted(5)])
    job = durability.sync_job()
    assert job is not None
    durability.restarted_after(100)
    job.run()
    assert durability.synced(job, 1) == ([], False)
    assert durability.durable == 100
