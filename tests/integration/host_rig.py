"""A launcher process of its own data directory, slices written by the tests, and raw HTTP."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

from aether.core.model.ids import Artifact, InstanceId
from aether.core.model.records import Dependency, Manifest
from aether.host.client import UnixLauncher
from aether.ports import HostSpec

DEADLINE_S = 15.0
LOOK_S = 0.01


async def eventually(holds: Callable[[], Awaitable[bool] | bool], what: str) -> None:
    """Wait until a condition holds; fail with its name after the deadline."""
    try:
        async with asyncio.timeout(DEADLINE_S):
            while True:
                found = holds()
                if found if isinstance(found, bool) else await found:
                    return
                await asyncio.sleep(LOOK_S)
    except TimeoutError:
        raise AssertionError(f"after {DEADLINE_S} s still not: {what}") from None


class HostRig:
    """One data directory with its launcher process and a client of it."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.sources = data_dir / "sources"
        self.sources.mkdir()
        self.client = UnixLauncher(data_dir)
        self.process = self.start_launcher()

    def start_launcher(self) -> subprocess.Popen[bytes]:
        with (self.data_dir / "launcher.out").open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "aether.host", "--data-dir", str(self.data_dir)],
                start_new_session=True,
                stdout=out,
                stderr=out,
            )
        return self.process

    def write(self, module: str, source: str) -> None:
        (self.sources / f"{module}.py").write_text(textwrap.dedent(source))

    def manifest(
        self,
        entry: str,
        *,
        name: str = "sample",
        kind: str = "slice",
        prefix: str = "",
        dependencies: tuple[Dependency, ...] = (),
    ) -> Manifest:
        return Manifest(
            artifact=Artifact(f"org.example:{name}:1.0.0"),
            entry=entry,
            kind="asgi" if kind == "asgi" else "slice",
            prefix=prefix,
            dependencies=dependencies,
        )

    def spec(self, manifest: Manifest, *, ordinal: int = 0, config: bytes = b"{}") -> HostSpec:
        return HostSpec(
            instance=InstanceId.of(manifest.artifact, ordinal),
            generation=1,
            manifest=manifest,
            paths=(str(self.sources),),
            token=f"token-{ordinal}",
            config=config,
        )

    async def serve(self, manifest: Manifest, *, ordinal: int = 0, config: bytes = b"{}") -> str:
        """Load and activate; return the socket."""
        spec = self.spec(manifest, ordinal=ordinal, config=config)
        await self.client.load(spec)
        return (await self.client.activate(spec.instance, 10.0)).socket

    def log(self, manifest: Manifest, ordinal: int = 0) -> str:
        return (self.data_dir / "logs" / f"{manifest.artifact}-{ordinal}.log").read_text()


@asynccontextmanager
async def host_rig() -> AsyncIterator[HostRig]:
    """Start a launcher and leave no process behind."""
    rig = HostRig(Path(tempfile.mkdtemp(prefix="ae", dir="/tmp")))
    await rig.client.start()
    pids: set[int] = set()
    try:
        yield rig
        pids = {host.pid for host in await rig.client.hosts()}
        await rig.client.shut_down()
        rig.process.wait(10)
    finally:
        await rig.client.stop()
        for pid in pids | {rig.process.pid}:
            if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                os.kill(pid, signal.SIGKILL)
        rig.process.wait(10)
        shutil.rmtree(rig.data_dir, ignore_errors=True)


class Answer:
    """A parsed HTTP answer."""

    def __init__(self, raw: bytes) -> None:
        head, _, self.body = raw.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split(" ")[1])
        pairs = (line.split(": ", 1) for line in lines[1:])
        self.headers = {name.lower(): value for name, value in pairs}
        if self.headers.get("transfer-encoding") == "chunked":
            self.body = _unchunk(self.body)


def _unchunk(raw: bytes) -> bytes:
    body = b""
    while True:
        size, _, raw = raw.partition(b"\r\n")
        if int(size, 16) == 0:
            return body
        body += raw[: int(size, 16)]
        raw = raw[int(size, 16) + 2 :]


async def talk(socket: str, raw: bytes) -> bytes:
    """Send bytes and return all that comes until the server closes."""
    reader, writer = await asyncio.open_unix_connection(socket)
    writer.write(raw)
    try:
        async with asyncio.timeout(DEADLINE_S):
            return await reader.read()
    finally:
        writer.close()


async def http(
    socket: str, method: str, target: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> Answer:
    """Send one request on a connection of its own."""
    lines = [f"{method} {target} HTTP/1.1", "host: example.org", "connection: close"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    lines += [f"content-length: {len(body)}", "", ""]
    return Answer(await talk(socket, "\r\n".join(lines).encode() + body))
