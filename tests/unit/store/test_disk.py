from pathlib import Path

import pytest

from aether.errors import ConfigInvalid, Unavailable
from aether.store.pysyncobj.commands import NoOp, Regular, to_local
from aether.store.pysyncobj.disk import StoreDisk, local_entry, open_journal, read_dump, write_dump
from aether.store.pysyncobj.members import Voter

VOTERS = {Voter("node-1@127.0.0.1:6101")}


def entry(index: int, term: int = 1) -> tuple[bytes, int, int]:
    return to_local(Regular(b"%d" % index)), index, term


def write_journal(path: Path, *indexes: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    journal = open_journal(path)
    for index in indexes:
        journal.add(*entry(index))
    journal._destroy()


def journal_of(path: Path) -> list[tuple[bytes, int, int]]:
    journal = open_journal(path)
    try:
        return list(journal[:])
    finally:
        journal._destroy()


def opened(directory: Path) -> StoreDisk:
    disk = StoreDisk(directory)
    disk.open()
    disk.close()
    return disk


def test_a_new_directory_is_made_and_held_by_one(tmp_path: Path) -> None:
    first, second = StoreDisk(tmp_path / "store"), StoreDisk(tmp_path / "store")
    first.open()
    with pytest.raises(Unavailable, match="in use"):
        second.open()
    first.close()
    second.open()
    second.close()


def test_a_dump_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "dump"
    write_dump(path, (entry(8), entry(7), VOTERS), [b"state"])
    dump = read_dump(path)
    assert (local_entry(dump.last), local_entry(dump.before)) == (entry(8), entry(7))
    assert (dump.voters, dump.parts) == (("node-1@127.0.0.1:6101",), (b"state",))


def test_every_damaged_byte_of_a_dump_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "dump"
    write_dump(path, (entry(8), (to_local(NoOp()), 7, 1), VOTERS), [b"state"])
    whole = path.read_bytes()
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 0x40
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="dump"):
            read_dump(path)


def test_a_crash_between_dump_and_journal_loses_nothing(tmp_path: Path) -> None:
    disk = StoreDisk(tmp_path)
    write_journal(disk.journal, *range(1, 11))
    write_dump(disk.dump, (entry(8), entry(7), VOTERS), [b"state"])
    opened(tmp_path)
    assert journal_of(disk.journal) == [entry(index) for index in (7, 8, 9, 10)]


def test_a_crash_while_the_journal_is_rewritten_loses_nothing(tmp_path: Path) -> None:
    disk = StoreDisk(tmp_path)
    write_journal(disk.journal, *range(1, 11))
    disk.save_before_compaction()
    write_dump(disk.dump, (entry(8), entry(7), VOTERS), [b"state"])
    disk.journal.unlink()
    write_journal(disk.journal, 7)
    opened(tmp_path)
    assert journal_of(disk.journal) == [entry(index) for index in (7, 8, 9, 10)]
    assert not (tmp_path / "journal.before").exists()


def test_an_ended_compaction_is_left_alone(tmp_path: Path) -> None:
    disk = StoreDisk(tmp_path)
    write_journal(disk.journal, *range(1, 11))
    disk.save_before_compaction()
    write_dump(disk.dump, (entry(8), entry(7), VOTERS), [b"state"])
    disk.journal.unlink()
    write_journal(disk.journal, *range(7, 13))
    disk.end_compaction()
    opened(tmp_path)
    assert journal_of(disk.journal) == [entry(index) for index in range(7, 13)]


def test_a_journal_without_its_dump_is_damage(tmp_path: Path) -> None:
    write_journal(tmp_path / "journal", 7, 8)
    with pytest.raises(ConfigInvalid, match="no dump"):
        opened(tmp_path)


def test_a_torn_journal_is_damage(tmp_path: Path) -> None:
    disk = StoreDisk(tmp_path)
    write_journal(disk.journal, *range(1, 40))
    data = bytearray(disk.journal.read_bytes())
    data[100:400] = bytes(300)
    disk.journal.write_bytes(data)
    with pytest.raises(ConfigInvalid, match="join again"):
        opened(tmp_path)
