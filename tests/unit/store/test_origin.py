"""Whether a data directory still holds what its store promised."""

import shutil
from pathlib import Path

import pytest

from aether.core.model.ids import NodeId
from aether.core.raft.entries import HardState
from aether.errors import ConfigInvalid
from aether.store.disk.directory import Directory
from aether.store.disk.identity import IDENTITY_NAME, claim
from aether.store.disk.vote_file import VOTE_NAME, VoteFile
from aether.store.origin import (
    ORIGIN_FILE,
    Origin,
    check_beginning,
    loss_of,
    read_origin,
    write_origin,
)


@pytest.fixture
def ran(tmp_path: Path) -> Path:
    """A data directory in which a founder ran and voted."""
    with Directory(tmp_path / "store") as disk:
        claim(disk, "one", NodeId("a"))
        VoteFile.open(disk).save(HardState(3, "b"))
    write_origin(tmp_path, Origin.FOUNDED)
    return tmp_path


def test_a_new_directory_and_a_whole_one_have_lost_nothing(ran: Path, tmp_path: Path) -> None:
    fresh = tmp_path / "fresh"
    assert read_origin(fresh) is None
    assert not loss_of(fresh)
    assert not loss_of(ran)
    check_beginning(fresh, founds=True)
    check_beginning(ran, founds=True)
    assert read_origin(ran) is Origin.FOUNDED


def test_a_first_start_that_was_cut_short_goes_on(tmp_path: Path) -> None:
    with Directory(tmp_path / "store") as disk:
        assert not loss_of(tmp_path)
        claim(disk, "one", NodeId("a"))
    assert not loss_of(tmp_path)


@pytest.mark.parametrize("what", ["store", IDENTITY_NAME, VOTE_NAME, "all files"])
def test_what_is_gone_is_missed_and_must_not_begin_again(ran: Path, what: str) -> None:
    if what == "store":
        shutil.rmtree(ran / "store")
    for name in [what] if what in (IDENTITY_NAME, VOTE_NAME) else []:
        (ran / "store" / name).unlink()
    if what == "all files":
        for file in (ran / "store").iterdir():
            file.unlink()
    assert loss_of(ran)
    for founds in (True, False):
        with pytest.raises(ConfigInvalid, match="must not vote"):
            check_beginning(ran, founds=founds)


@pytest.mark.parametrize("name", [IDENTITY_NAME, VOTE_NAME])
def test_what_is_damaged_is_lost(ran: Path, name: str) -> None:
    path = ran / "store" / name
    path.write_bytes(path.read_bytes()[:-1] + b"\xff")
    assert "damaged" in loss_of(ran)
    (ran / ORIGIN_FILE).unlink()
    assert "damaged" in loss_of(ran), "also when an older version left no word of its beginning"


def test_after_a_loss_a_member_begins_as_one_that_joins(ran: Path) -> None:
    shutil.rmtree(ran / "store")
    write_origin(ran, Origin.LOST)
    assert "not joined again" in loss_of(ran)
    with pytest.raises(ConfigInvalid, match="must not vote"):
        check_beginning(ran, founds=True)
    check_beginning(ran, founds=False)


def test_nothing_is_lost_while_the_process_lives(ran: Path) -> None:
    with Directory(ran / "store"):
        assert not loss_of(ran)


def test_a_damaged_word_of_the_beginning_is_named(ran: Path) -> None:
    (ran / ORIGIN_FILE).write_text("nonsense")
    with pytest.raises(ConfigInvalid, match=ORIGIN_FILE):
        read_origin(ran)
