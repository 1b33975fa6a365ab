"""Intake over a real store of one member, with fakes for launcher and replicator."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from aether.artifacts.intake import Intake
from aether.artifacts.layers import Layers
from aether.artifacts.repository import Repository, digest_of
from aether.core.model import keys
from aether.core.model.ids import Artifact, NodeId
from aether.core.model.records import ArtifactRecord, Manifest, Route, decode
from aether.core.store.machine import KvMachine
from aether.errors import (
    ArtifactInvalid,
    Conflict,
    DigestMismatch,
    NoQuorum,
    OutcomeUnknown,
    SliceFailed,
)
from aether.ports import Member
from aether.store.client import KvStore
from aether_forge.sim.oracle import Oracle
from tests.wheels import ARTIFACT, FILENAME, MANIFEST, wheel

NODE = NodeId("node-1")
ROUTE = Route(method="GET", pattern="/x")


@dataclass
class FakeLauncher:
    failure: SliceFailed | None = None
    probed: list[tuple[Manifest, list[str]]] = field(default_factory=list)
    directory: Path = Path()

    def left_behind(self) -> bool:
        return self.directory.exists()

    async def probe(self, manifest: Manifest, paths: Sequence[str]) -> Manifest:
        assert (Path(paths[0]) / "sample/__init__.py").exists()
        self.probed.append((manifest, list(paths)))
        self.directory = Path(paths[0])
        if self.failure is not None:
            raise self.failure
        return replace(manifest, routes=(ROUTE,), methods=("m",))


@dataclass
class FakeReplicator:
    copies: tuple[NodeId, ...] = (NodeId("node-2"),)
    meanwhile: Callable[[], None] = lambda: None
    asked: list[int] = field(default_factory=list)

    async def replicate(
        self, artifact: Artifact, record: ArtifactRecord, copies: int
    ) -> tuple[NodeId, ...]:
        self.asked.append(copies)
        self.meanwhile()
        return self.copies


@dataclass
class World:
    intake: Intake
    launcher: FakeLauncher
    replicator: FakeReplicator
    repository: Repository
    machine: KvMachine
    oracle: Oracle

    async def accept(self, content: bytes, digest: str | None = None) -> ArtifactRecord:
        return await self.intake.accept(content, FILENAME, digest)

    def record(self) -> ArtifactRecord | None:
        entry = self.machine.get(keys.artifact(ARTIFACT))
        return decode(entry.value, ArtifactRecord) if entry is not None else None

    def unchanged(self) -> bool:
        return self.machine.revision == 0 and not list((self.directory).glob("*.whl"))

    @property
    def directory(self) -> Path:
        return self.repository.path("0" * 64).parent


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    oracle, machine = Oracle(), KvMachine()
    consensus = oracle.member(Member(NODE, "127.0.0.1:1"), machine)
    await consensus.start()
    store = KvStore(consensus, machine)
    launcher, replicator = FakeLauncher(), FakeReplicator()
    repository = Repository(tmp_path)
    fake: Any = launcher  # only `probe` of the port is used
    intake = Intake(repository, Layers(tmp_path), fake, replicator, store, NODE)
    yield World(intake, launcher, replicator, repository, machine, oracle)
    await store.close()
    await consensus.stop()


async def test_a_wheel_is_tried_kept_copied_and_made_known(world: World) -> None:
    content = wheel()
    record = await world.accept(content, digest_of(content))
    assert record == world.record()
    assert record.manifest == replace(MANIFEST, routes=(ROUTE,), methods=("m",))
    assert (record.digest, record.size, record.filename) == (
        digest_of(content),
        len(content),
        FILENAME,
    )
    assert record.holders == (NODE, NodeId("node-2"))
    assert world.replicator.asked == [2]
    assert world.repository.get(record.digest) == content
    assert not world.launcher.left_behind()


async def test_the_same_wheel_again_changes_nothing(world: World) -> None:
    first = await world.accept(wheel())
    revision = world.machine.revision
    assert await world.accept(wheel()) == first
    assert world.machine.revision == revision
    assert len(world.launcher.probed) == 1


async def test_a_version_never_changes_its_contents(world: World) -> None:
    first = await world.accept(wheel())
    other = wheel(files={"sample/__init__.py": b"# other\n"})
    with pytest.raises(Conflict, match="new version"):
        await world.accept(other)
    assert world.record() == first
    assert not world.repository.has(digest_of(other))


async def test_a_wrong_digest_changes_nothing(world: World) -> None:
    with pytest.raises(DigestMismatch):
        await world.accept(wheel(), "0" * 64)
    assert world.unchanged()


async def test_a_wheel_that_does_not_import_changes_nothing(world: World) -> None:
    world.launcher.failure = SliceFailed("ImportError: no", fields={"kind": "fatal", "trace": "t"})
    with pytest.raises(ArtifactInvalid, match="ImportError: no") as refused:
        await world.accept(wheel())
    assert refused.value.fields["trace"] == "t"
    assert world.unchanged()


async def test_a_trial_that_could_not_be_made_is_not_the_wheels_fault(world: World) -> None:
    world.launcher.failure = SliceFailed("busy", fields={"kind": "transient"})
    with pytest.raises(SliceFailed, match="busy"):
        await world.accept(wheel())
    assert world.unchanged()


async def test_without_quorum_nothing_is_known(world: World) -> None:
    world.oracle.cut_off(NODE)
    with pytest.raises(NoQuorum):
        await world.accept(wheel())
    assert world.unchanged()
    assert world.launcher.probed == []


async def test_a_quorum_lost_at_the_last_step_leaves_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aether.store.submitter.ATTEMPT_S", 0.01)
    world.replicator.meanwhile = lambda: world.oracle.cut_off(NODE)
    with pytest.raises(NoQuorum):
        await world.accept(wheel())
    assert world.unchanged()


async def test_a_wheel_whose_fate_is_unknown_is_kept(world: World) -> None:
    world.replicator.meanwhile = lambda: world.oracle.lose_answers(10_000)
    with pytest.raises(OutcomeUnknown):
        await world.accept(wheel())
    assert world.repository.has(digest_of(wheel()))


async def test_what_is_no_wheel_changes_nothing(world: World) -> None:
    with pytest.raises(ArtifactInvalid):
        await world.accept(b"nonsense")
    with pytest.raises(ArtifactInvalid, match="name of a wheel"):
        await world.intake.accept(wheel(), "x.zip", None)
    assert world.unchanged()
