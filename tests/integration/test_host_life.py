"""A host's link to its launcher, with the launcher played by the test."""

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from aether.core.model.ids import Artifact, InstanceId
from aether.core.model.records import Manifest
from aether.frames import read_frame, write_frame
from aether.host import life as module
from aether.host.entry import Loaded, load
from aether.host.life import Life
from aether.host.paths import HostPaths
from aether.ports import HostSpec

ARTIFACT = Artifact("org.example:sample:1.0.0")


class FakeLauncher:
    """Accepts hosts and asks them things."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._hosts: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = (
            asyncio.Queue(8)
        )
        self._server: asyncio.AbstractServer | None = None
        self._writers: list[asyncio.StreamWriter] = []

    async def start(self) -> None:
        self._server = await asyncio.start_unix_server(self._accept, str(self._path))

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            writer.close()
            await writer.wait_closed()
        self._writers.clear()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        self._hosts.put_nowait((reader, writer))

    async def hello(self) -> dict[str, Any]:
        async with asyncio.timeout(10):
            self.reader, self.writer = await self._hosts.get()
            return dict(await read_frame(self.reader) or {})

    async def ask(self, op: str, **fields: object) -> dict[str, Any]:
        async with asyncio.timeout(10):
            await write_frame(self.writer, {"id": 7, "op": op, **fields})
            return dict(await read_frame(self.reader) or {})


@pytest.fixture
async def paths(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[HostPaths]:
    with tempfile.TemporaryDirectory(prefix="ae", dir="/tmp") as directory:
        (Path(directory) / "life_sample.py").write_text(
            "from aether import Slice\nclass S(Slice): ...\n"
        )
        monkeypatch.syspath_prepend(directory)
        found = HostPaths(Path(directory))
        found.prepare()
        yield found
        sys.modules.pop("life_sample", None)


def life(paths: HostPaths) -> Life:
    manifest = Manifest(artifact=ARTIFACT, entry="life_sample:S", kind="slice")
    spec = HostSpec(
        instance=InstanceId.of(ARTIFACT, 0),
        generation=4,
        manifest=manifest,
        paths=("p",),
        token="t",
    )
    loaded = load(manifest)
    assert isinstance(loaded, Loaded)
    return Life(spec, paths, loaded)


async def test_a_host_says_hello_answers_steps_and_ends_on_sigterm(paths: HostPaths) -> None:
    launcher = FakeLauncher(paths.launcher_socket)
    await launcher.start()
    running = asyncio.get_running_loop().create_task(life(paths).run())
    hello = await launcher.hello()
    assert (hello["op"], hello["instance"], hello["generation"], hello["token"]) == (
        "host",
        "org.example:sample:1.0.0/0",
        4,
        "t",
    )
    assert (hello["state"], hello["paths"]) == ("loaded", ["p"])
    active = await launcher.ask("activate")
    assert (active["id"], active["ok"], active["state"]) == (7, True, "active")
    unknown = await launcher.ask("dance")
    assert (unknown["ok"], unknown["kind"]) == (False, "transient")
    assert "unknown step 'dance'" in unknown["message"]
    os.kill(os.getpid(), signal.SIGTERM)
    async with asyncio.timeout(10):
        assert await running == 0
    assert not list(paths.run.glob("i-*.sock"))
    await launcher.stop()


async def test_a_host_tells_the_next_launcher_what_it_is(paths: HostPaths) -> None:
    first = FakeLauncher(paths.launcher_socket)
    await first.start()
    running = asyncio.get_running_loop().create_task(life(paths).run())
    await first.hello()
    await first.ask("activate")
    await first.stop()
    paths.launcher_socket.unlink(missing_ok=True)
    second = FakeLauncher(paths.launcher_socket)
    await second.start()
    assert (await second.hello())["state"] == "active"
    os.kill(os.getpid(), signal.SIGTERM)
    async with asyncio.timeout(10):
        assert await running == 0
    await second.stop()


async def test_a_host_without_a_launcher_ends_itself_in_the_end(
    paths: HostPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ORPHAN_S", 0.2)
    async with asyncio.timeout(10):
        assert await life(paths).run() == 0
