from pathlib import Path

import pytest

from aether.artifacts.repository import Repository, Shelf, check_digest, digest_of
from aether.errors import DigestMismatch, Invalid, NotFound


def test_what_is_put_comes_back(tmp_path: Path) -> None:
    repository = Repository(tmp_path)
    digest = repository.put(b"wheel")
    assert digest == digest_of(b"wheel") == repository.put(b"wheel", digest)
    assert repository.has(digest)
    assert repository.get(digest) == b"wheel"
    assert [path.name for path in repository.path(digest).parent.iterdir()] == [f"{digest}.whl"]
    repository.remove(digest)
    repository.remove(digest)
    assert not repository.has(digest)


def test_other_bytes_than_announced_are_refused_and_not_kept(tmp_path: Path) -> None:
    repository = Repository(tmp_path)
    with pytest.raises(DigestMismatch, match="send it again"):
        repository.put(b"wheel", digest_of(b"other"))
    assert not repository.has(digest_of(b"wheel"))
    assert not repository.has(digest_of(b"other"))


def test_damage_on_disk_is_found_and_removed(tmp_path: Path) -> None:
    repository = Repository(tmp_path)
    digest = repository.put(b"wheel")
    repository.path(digest).write_bytes(b"whee")
    with pytest.raises(DigestMismatch):
        repository.get(digest)
    with pytest.raises(NotFound):
        repository.get(digest)


@pytest.mark.parametrize("digest", ["", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 64 + "\n"])
def test_a_digest_is_never_a_path(tmp_path: Path, digest: str) -> None:
    with pytest.raises(Invalid, match="64 lower-case hex"):
        Repository(tmp_path).path(digest)


def test_digests_are_accepted_as_people_write_them() -> None:
    digest = digest_of(b"x")
    assert check_digest(b"x", f"sha256:{digest.upper()}".replace("SHA256", "sha256")) == digest
    assert check_digest(b"x", None) == digest


async def test_a_shelf_says_which_wheels_are_here(tmp_path: Path) -> None:
    shelf = Shelf(Repository(tmp_path))
    here, absent = digest_of(b"wheel"), digest_of(b"absent")
    await shelf.put(b"wheel", here)
    assert await shelf.held([here, absent]) == {here}
    assert await shelf.held([here, "../../etc/passwd"]) == {here}, "a damaged record harms nobody"
    with pytest.raises(DigestMismatch):
        await shelf.put(b"other", here)
