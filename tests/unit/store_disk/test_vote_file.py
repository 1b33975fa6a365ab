import random

import pytest

from aether.core.raft.entries import HardState
from aether.store.disk.errors import DiskFailed, NoSpace, VoteDamaged
from aether.store.disk.vote_file import VOTE_NAME, VoteFile
from tests.crash_disk import CrashDisk


def test_a_new_member_has_voted_for_nobody_and_one_that_had_a_vote_must_have_it() -> None:
    assert VoteFile.open(CrashDisk()).state == HardState(0, "")
    with pytest.raises(VoteDamaged, match="missing"):
        VoteFile.open(CrashDisk(), fresh=False)


def test_what_was_saved_survives_a_power_cut_at_any_step() -> None:
    for stop in range(1, 9):
        disk = CrashDisk()
        votes = VoteFile.open(disk)
        votes.save(HardState(7, "a"))
        end = disk.calls + stop
        disk.fail = lambda step, end=end: OSError(5, "power") if step.call >= end else None
        saved = HardState(7, "a")
        try:
            votes.save(HardState(8, "b"))
            saved = HardState(8, "b")
        except DiskFailed:
            with pytest.raises(DiskFailed):
                votes.save(HardState(9, "c"))
        disk.fail = None
        disk.crash(random.Random(stop))
        found = VoteFile.open(disk).state
        assert found == saved or (found == HardState(8, "b") and stop < 8)
        disk.crash(random.Random(stop))
        assert VoteFile.open(disk, fresh=False).state == found


def test_every_flipped_bit_and_every_cut_is_damage() -> None:
    disk = CrashDisk()
    VoteFile.open(disk).save(HardState(7, "node-a"))
    good = bytes(disk.files[VOTE_NAME].live)
    bad = [good[:size] for size in range(len(good))] + [good + b"\0"]
    bad += [
        good[:at] + bytes([good[at] ^ 1 << bit]) + good[at + 1 :]
        for at in range(len(good))
        for bit in range(8)
    ]
    for content in bad:
        disk.put(VOTE_NAME, content)
        with pytest.raises(VoteDamaged):
            VoteFile.open(disk)


def test_a_full_disk_changes_nothing_and_does_not_keep_a_member_from_starting() -> None:
    disk = CrashDisk()
    votes = VoteFile.open(disk)
    votes.save(HardState(3, "a"))
    disk.capacity = 0
    with pytest.raises(NoSpace):
        votes.save(HardState(4, "b"))
    assert votes.state == HardState(3, "a")
    assert VoteFile.open(disk).state == HardState(3, "a")
    disk.capacity = 1000
    votes.save(HardState(4, "b"))
    assert VoteFile.open(disk).state == HardState(4, "b")
