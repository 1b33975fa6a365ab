import os
from pathlib import Path

import pytest

from aether.core.raft.entries import COMMAND, Entry, HardState
from aether.store.disk.directory import Directory
from aether.store.disk.entry_log import EntryLog, LogLimits
from aether.store.disk.errors import DirectoryInUse
from aether.store.disk.vote_file import VoteFile


def test_files_are_made_written_renamed_and_removed(tmp_path: Path) -> None:
    with Directory(tmp_path / "deep" / "store") as disk:
        file = disk.open("a", create=True)
        file.write_at(3, b"abc")
        file.sync()
        assert (file.size(), file.read_at(2, 99), file.read_at(50, 1)) == (6, b"\0abc", b"")
        file.truncate(4)
        assert file.read_at(0, 99) == b"\0\0\0a"
        disk.rename("a", "b")
        disk.sync_names()
        assert disk.names() == ["b"]
        with pytest.raises(FileExistsError):
            disk.open("b", create=True)
        with pytest.raises(FileNotFoundError):
            disk.open("a")
        file.close()
        file.close()
        disk.remove("b")
        disk.remove("b")
        assert disk.names() == []
        assert disk.free_bytes() > 0


def test_one_process_has_it_at_a_time(tmp_path: Path) -> None:
    disk = Directory(tmp_path)
    with pytest.raises(DirectoryInUse, match="in use"):
        Directory(tmp_path)
    disk.close()
    Directory(tmp_path).close()


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../a", "/etc/x", "a\0b", "lock"])
def test_names_do_not_lead_elsewhere(tmp_path: Path, name: str) -> None:
    with Directory(tmp_path) as disk, pytest.raises(ValueError, match="cannot be the name"):
        disk.open(name, create=True)


def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"x")
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "link").symlink_to(tmp_path / "secret")
    with Directory(tmp_path / "store") as disk:
        assert disk.names() == []
        with pytest.raises(OSError, match="link"):
            disk.open("link")


def descriptors() -> list[Path]:
    return list(Path("/proc/self/fd").iterdir())


def test_descriptors_are_closed_and_not_inherited(tmp_path: Path) -> None:
    before = len(descriptors())
    with Directory(tmp_path) as disk:
        file = disk.open("a", create=True)
        assert not any(
            os.get_inheritable(int(link.name))
            for link in descriptors()
            if str(link.resolve()).startswith(str(tmp_path))
        )
        file.close()
    assert len(descriptors()) == before


def test_a_log_and_a_vote_on_real_files(tmp_path: Path) -> None:
    limits = LogLimits(segment_bytes=64 * 1024, slice_bytes=16 * 1024)
    entries = [Entry(index, 1, COMMAND, 0, b"x" * 100) for index in range(1, 3001)]
    with Directory(tmp_path) as disk:
        log = EntryLog.open(disk, limits, 0)
        for first in range(0, 3000, 100):
            log.append(entries[first : first + 100])
            job = log.begin_sync()
            assert job is not None
            job.run()
        log.close()
        VoteFile.open(disk).save(HardState(3, "a"))
    with Directory(tmp_path) as disk:
        log = EntryLog.open(disk, limits, 0, fresh=False)
        assert list(log.read(1, 3000, 1 << 30)) == entries
        log.close()
        assert VoteFile.open(disk, fresh=False).state == HardState(3, "a")
