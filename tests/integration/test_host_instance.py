"""One instance in one process: starting, listening, draining and stopping in order."""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import ClassVar

import pytest

from aether.core.model.ids import Artifact, InstanceId
from aether.core.model.records import Manifest
from aether.host import instance as module
from aether.host.entry import Loaded
from aether.host.instance import Instance
from aether.host.paths import HostPaths
from aether.ports import HostSpec
from aether.sdk import Slice, get
from aether.sdk.shape import shape_of
from tests.integration.host_rig import http

ARTIFACT = Artifact("org.example:sample:1.0.0")


class Sample(Slice):
    story: ClassVar[list[str]] = []

    async def start(self) -> None:
        self.story.append("start")
        if self.config.get("start") == "fail":
            raise RuntimeError("no start")
        if self.config.get("start") == "leave":
            sys.exit("no database")
        if self.config.get("start") == "hang":
            await asyncio.Event().wait()

    async def stop(self) -> None:
        self.story.append("stop")
        if self.config.get("stop") == "fail":
            raise RuntimeError("no stop")

    @get("/x")
    async def x(self) -> str:
        return "x"


@pytest.fixture
async def directory() -> AsyncIterator[Path]:
    Sample.story.clear()
    with tempfile.TemporaryDirectory(prefix="ae", dir="/tmp") as made:
        HostPaths(Path(made)).prepare()
        yield Path(made)


def instance(directory: Path, config: bytes = b"{}") -> Instance:
    manifest = Manifest(artifact=ARTIFACT, entry="x:Sample", kind="slice")
    spec = HostSpec(
        instance=InstanceId.of(ARTIFACT, 0),
        generation=1,
        manifest=manifest,
        paths=(),
        token="t",
        config=config,
    )
    return Instance(spec, HostPaths(directory), Loaded(manifest, Sample, shape_of(Sample)))


def sockets(directory: Path) -> list[str]:
    return [str(path) for path in (directory / "run").glob("*.sock")]


async def test_it_may_be_activated_again_and_again(directory: Path) -> None:
    made = instance(directory)
    for _ in range(2):
        await made.activate()
        await made.activate()
        assert made.state == "active"
        assert (await http(sockets(directory)[0], "GET", "/x")).body == b'"x"'
        await made.deactivate(1.0)
        await made.deactivate(1.0)
        assert (made.state, sockets(directory)) == ("loaded", [])
    assert Sample.story == ["start", "stop", "start", "stop"]
    await made.close()


@pytest.mark.parametrize("how", [b'{"start": "fail"}', b'{"start": "hang"}'])
async def test_what_does_not_start_does_not_listen(
    directory: Path, how: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "START_STOP_S", 0.1)
    made = instance(directory, how)
    with pytest.raises((RuntimeError, TimeoutError), match=r"no start|start\(\) took longer"):
        await made.activate()
    assert (made.state, sockets(directory), made.in_flight) == ("loaded", [], 0)
    await made.close()


async def test_a_start_that_leaves_is_a_failure_as_any_other(directory: Path) -> None:
    made = instance(directory, b'{"start": "leave"}')
    with pytest.raises(RuntimeError, match=r"start\(\) called sys\.exit\('no database'\)"):
        await made.activate()
    assert (made.state, sockets(directory)) == ("loaded", [])
    await made.close()


async def test_a_stop_that_fails_is_told_but_leaves_nothing_listening(directory: Path) -> None:
    made = instance(directory, b'{"stop": "fail"}')
    await made.activate()
    with pytest.raises(RuntimeError, match="no stop"):
        await made.deactivate(1.0)
    assert (made.state, sockets(directory)) == ("loaded", [])
    await made.close()
