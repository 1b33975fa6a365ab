from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from aether.artifacts.layers import Layers
from aether.artifacts.prepare import Preparer
from aether.artifacts.repository import Repository, digest_of
from aether.core.model.ids import Artifact, NodeId
from aether.core.model.records import ArtifactRecord
from aether.errors import DigestMismatch, Unavailable
from tests.wheels import ARTIFACT, FILENAME, MANIFEST, wheel

RECORD = ArtifactRecord(
    digest=digest_of(wheel()),
    size=len(wheel()),
    filename=FILENAME,
    holders=(NodeId("node-2"),),
    manifest=MANIFEST,
)


@dataclass
class FakeSource:
    content: bytes | None
    asked: list[Artifact] = field(default_factory=list)

    async def fetch(self, artifact: Artifact, record: ArtifactRecord) -> bytes:
        self.asked.append(artifact)
        if self.content is None:
            raise Unavailable("no node has it")
        return self.content


def preparer(tmp_path: Path, source: FakeSource) -> Preparer:
    return Preparer(tmp_path, Repository(tmp_path), Layers(tmp_path), source)


async def test_a_wheel_is_fetched_once_and_unpacked(tmp_path: Path) -> None:
    source = FakeSource(wheel())
    for _ in range(2):
        paths = await preparer(tmp_path, source).prepare(RECORD)
        assert paths == (str(tmp_path / "slices" / RECORD.digest),)
        assert (Path(paths[0]) / "sample/__init__.py").exists()
    assert source.asked == [ARTIFACT]


async def test_other_bytes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DigestMismatch):
        await preparer(tmp_path, FakeSource(b"other")).prepare(RECORD)
    assert not (tmp_path / "slices").exists()


async def test_a_damaged_copy_is_fetched_again(tmp_path: Path) -> None:
    repository = Repository(tmp_path)
    repository.put(wheel())
    repository.path(RECORD.digest).write_bytes(b"damaged")
    source = FakeSource(wheel())
    await preparer(tmp_path, source).prepare(RECORD)
    assert repository.get(RECORD.digest) == wheel()
    assert source.asked == [ARTIFACT]


async def test_a_wheel_nobody_has_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="no node has it"):
        await preparer(tmp_path, FakeSource(None)).prepare(RECORD)


async def test_requirements_become_a_layer_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def layer(self: Layers, requires: tuple[str, ...]) -> Path:
        assert requires == ("starlette",)
        return tmp_path / "layer"

    monkeypatch.setattr(Layers, "layer", layer)
    record = replace(RECORD, manifest=replace(MANIFEST, requires=("starlette",)))
    paths = await preparer(tmp_path, FakeSource(wheel())).prepare(record)
    assert paths[1] == str(tmp_path / "layer")
