"""Reading what the caller hands in."""

import io
from pathlib import Path

import pytest

from aether.cli.failures import InvalidInput
from aether.cli.files import read_input


def test_a_file_and_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"abc")
    assert read_input(str(file), 3, "it") == b"abc"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"xyz")))
    assert read_input("-", 3, "it") == b"xyz"


def test_never_more_than_the_limit(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"abcd")
    with pytest.raises(InvalidInput, match="a value has more than 3 bytes"):
        read_input(str(file), 3, "a value")
    with pytest.raises(InvalidInput, match="more than 5 bytes"):
        read_input("/dev/zero", 5, "it")


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="No such file"):
        read_input(str(tmp_path / "nothing"), 3, "it")
    with pytest.raises(InvalidInput, match="Is a directory"):
        read_input(str(tmp_path), 3, "it")
