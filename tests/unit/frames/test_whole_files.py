from pathlib import Path

import pytest

from aether.whole_files import whole_directory, write_whole


def test_a_file_is_there_whole(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "file"
    write_whole(target, b"one")
    write_whole(target, b"two")
    assert target.read_bytes() == b"two"
    assert list(target.parent.iterdir()) == [target]


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    target = tmp_path / "taken"
    (target / "inside").mkdir(parents=True)
    with pytest.raises(OSError, match="taken"):
        write_whole(target, b"x")
    assert list(tmp_path.iterdir()) == [target]


def test_a_directory_appears_when_its_block_ends_well(tmp_path: Path) -> None:
    target = tmp_path / "made"
    with whole_directory(target) as scratch:
        (scratch / "file").write_text("x")
        assert not target.exists()
    assert (target / "file").read_text() == "x"
    assert list(tmp_path.iterdir()) == [target]


def test_a_directory_that_failed_is_gone(tmp_path: Path) -> None:
    def fail() -> None:
        with whole_directory(tmp_path / "made") as scratch:
            (scratch / "file").write_text("x")
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_who_comes_second_keeps_what_the_first_made(tmp_path: Path) -> None:
    target = tmp_path / "made"
    with whole_directory(target) as slow:
        (slow / "file").write_text("second")
        with whole_directory(target) as quick:
            (quick / "file").write_text("first")
    assert (target / "file").read_text() == "first"
    assert list(tmp_path.iterdir()) == [target]
