"""What a power cut leaves and takes."""

import errno
import random

import pytest

from aether_forge.sim.raft.disk import PowerLost, SimDisk


def disk(seed: int = 1) -> SimDisk:
    return SimDisk(random.Random(seed))


def written(seed: int, synced: bytes, unsynced: bytes) -> SimDisk:
    one = disk(seed)
    file = one.open("a", create=True)
    file.write_at(0, synced)
    file.sync()
    one.sync_names()
    file.write_at(len(synced), unsynced)
    return one


def test_what_was_synced_survives_and_the_rest_may() -> None:
    left = set()
    for seed in range(60):
        one = written(seed, b"s" * 700, b"u" * 1500)
        one.power_cut()
        file = one.open("a")
        content = file.read_at(0, 4096)
        assert content[:700] == b"s" * 700
        assert set(content[700:]) <= set(b"u\0")
        left.add(len(content))
    assert {700, 2200} <= left
    assert len(left) > 2


def test_a_kill_loses_nothing_but_its_handles() -> None:
    one = written(1, b"s", b"u")
    old = one.open("a")
    one.revive()
    assert one.open("a").read_at(0, 9) == b"su"
    with pytest.raises(OSError, match="ended") as caught:
        old.write_at(0, b"x")
    assert caught.value.errno == errno.EBADF


def test_names_come_back_as_of_some_step_since_they_were_synced() -> None:
    seen = set()
    for seed in range(40):
        one = disk(seed)
        one.open("a", create=True).sync()
        one.sync_names()
        one.open("b", create=True)
        one.rename("b", "c")
        one.remove("a")
        one.power_cut()
        seen.add(tuple(one.names()))
    assert seen == {("a",), ("a", "b"), ("a", "c"), ("c",)}


def test_a_full_disk_refuses_growth_and_takes_overwrites() -> None:
    one = written(1, b"12345678", b"")
    one.trouble.capacity = 8
    file = one.open("a")
    file.write_at(0, b"abcdefgh")
    with pytest.raises(OSError, match="full") as caught:
        file.write_at(1, b"abcdefgh")
    assert caught.value.errno == errno.ENOSPC
    assert one.free_bytes() == 0


def test_a_broken_disk_fails_syncs_and_writes_until_another_process_has_it() -> None:
    one = written(1, b"s", b"u")
    file = one.open("a")
    one.trouble.broken = True
    with pytest.raises(OSError, match="broken"):
        file.sync()
    with pytest.raises(OSError, match="broken"):
        file.write_at(0, b"x")
    one.revive()
    one.open("a").sync()


def test_a_disk_that_ignores_syncs_loses_what_was_synced() -> None:
    lost = 0
    for seed in range(20):
        one = disk(seed)
        one.trouble.ignores_sync = True
        file = one.open("a", create=True)
        file.write_at(0, b"x")
        file.sync()
        one.sync_names()
        one.power_cut()
        lost += not one.names() or one.open("a").read_at(0, 1) != b"x"
    assert lost


def test_a_flipped_bit_is_there_for_good() -> None:
    one = written(3, b"s" * 100, b"")
    assert one.flip_bit(lambda name: name == "b", {}) is None
    assert one.flip_bit(lambda name: name == "a", {"a": 0}) is None
    assert one.flip_bit(lambda name: name == "a", {}) == "a"
    one.power_cut()
    content = one.open("a").read_at(0, 100)
    assert sum(bin(byte ^ ord("s")).count("1") for byte in content) == 1


def test_a_wiped_disk_is_empty() -> None:
    one = written(1, b"s", b"u")
    one.wipe()
    assert one.names() == []
    assert one.used_bytes() == 0


def test_a_machine_may_stop_in_the_middle_of_any_step() -> None:
    lengths = set()
    for seed in range(30):
        one = written(seed, b"s", b"")
        file = one.open("a")
        one.fuse = 1
        file.write_at(1, b"u" * 1500)
        with pytest.raises(PowerLost, match="sync a"):
            file.sync()
        one.power_cut()
        lengths.add(one.open("a").size())
        assert one.fuse is None
    assert {1, 1501} <= lengths
