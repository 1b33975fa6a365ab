from pathlib import Path

import pytest

from aether.artifacts.repository import Repository
from aether.artifacts.unpack import Unpacker
from aether.errors import ArtifactInvalid, NotFound
from tests.wheels import INFO, SOURCE, wheel, wheel_files, zipped


def test_a_wheel_is_unpacked_once(tmp_path: Path) -> None:
    repository = Repository(tmp_path)
    digest = repository.put(wheel())
    unpacker = Unpacker(tmp_path, repository)
    directory = unpacker.unpack(digest)
    assert (directory / "sample/__init__.py").read_bytes() == SOURCE
    assert (directory / INFO / "RECORD").exists()
    repository.remove(digest)
    assert unpacker.unpack(digest) == directory


def test_a_bad_wheel_leaves_nothing(tmp_path: Path) -> None:
    repository = Repository(tmp_path)
    files = wheel_files()
    files["sample/__init__.py"] = b"other"
    digest = repository.put(zipped(files))
    with pytest.raises(ArtifactInvalid):
        Unpacker(tmp_path, repository).unpack(digest)
    assert list((tmp_path / "slices").iterdir()) == []


def test_an_absent_wheel_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        Unpacker(tmp_path, Repository(tmp_path)).unpack("0" * 64)
