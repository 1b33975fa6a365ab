"""The node's side of the launcher: `ports.Launcher` over `run/launcher.sock`."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import structlog

from aether.core.model.ids import InstanceId
from aether.core.model.lifecycle import STEP_TIMEOUT_S, Desired
from aether.core.model.records import Manifest, from_plain, to_plain
from aether.errors import SliceFailed, Unavailable
from aether.frames import FrameError, read_frame, write_frame
from aether.host.paths import HostPaths
from aether.ports import HostExited, HostSpec, HostStatus
from aether.tasks import Tasks

FIRST_RECONNECT_S = 0.05
LONGEST_RECONNECT_S = 1.0
CONNECT_S = 10.0
"""How long a call waits for the launcher to be there: it may just be starting."""
MARGIN_S = 10.0
"""The launcher keeps the deadlines; this is for a launcher that does not answer at all."""
CONFIGURE_S = 30.0
"""A slice may take 5 s over new settings, after the step under way."""
MAX_EXITS = 1024

log = structlog.get_logger()


class UnixLauncher:
    """Talks to the launcher of `data_dir`, connecting again whenever it comes back."""

    def __init__(self, data_dir: Path) -> None:
        self._socket = HostPaths(data_dir.absolute()).launcher_socket
        self._writer: asyncio.StreamWriter | None = None
        self._connected = asyncio.Event()
        self._pending: dict[int, asyncio.Future[Mapping[str, Any]]] = {}
        self._last_id = 0
        self._followers: set[asyncio.Queue[HostExited]] = set()
        self._tasks = Tasks(on_failure=_log_failure)

    async def start(self) -> None:
        """Begin to keep a connection; returns at once."""
        self._tasks.start("launcher connection", self._stay_connected())

    async def stop(self) -> None:
        """Let the connection go; launcher and hosts live on."""
        await self._tasks.stop()

    async def probe(self, manifest: Manifest, paths: Sequence[str]) -> Manifest:
        """Import an artifact in a throw-away host; return its manifest with what it offers."""
        fields = {"manifest": to_plain(manifest), "paths": [str(path) for path in paths]}
        answer = await self._ask("probe", fields, STEP_TIMEOUT_S[Desired.LOAD])
        # A launcher outlives its node, so it may be of a version that does not tell.
        found = {
            "kind": answer.get("artifact_kind") or manifest.kind,
            "routes": answer["routes"],
            "methods": answer["methods"],
        }
        return from_plain({**to_plain(manifest), **found}, Manifest)

    async def load(self, spec: HostSpec) -> HostStatus:
        """Start a host and import the slice in it; it is `loaded` then."""
        fields = {"spec": to_plain(spec)}
        return _status(await self._ask("load", fields, STEP_TIMEOUT_S[Desired.LOAD]))

    async def activate(self, instance: InstanceId, timeout_s: float) -> HostStatus:
        """Call the slice's `start` and listen on its socket; it is `active` then."""
        fields = {"instance": instance, "timeout_s": timeout_s}
        return _status(await self._ask("activate", fields, timeout_s))

    async def deactivate(self, instance: InstanceId, drain_s: float) -> HostStatus:
        """Finish what is in flight for at most `drain_s`, stop listening, call `stop`."""
        fields = {"instance": instance, "drain_s": drain_s}
        return _status(await self._ask("deactivate", fields, drain_s))

    async def configure(self, instance: InstanceId, config: bytes) -> HostStatus:
        """Give a slice other settings; a failure of its own `configure` is told in the status."""
        fields = {"instance": instance, "config": config.decode()}
        return _status(await self._ask("configure", fields, CONFIGURE_S))

    async def unload(self, instance: InstanceId) -> None:
        """End the host's whole process tree; no error when there is none."""
        await self._ask("unload", {"instance": instance}, MARGIN_S)

    async def hosts(self) -> Sequence[HostStatus]:
        """Every host that lives, those started before this node process included."""
        answer = await self._ask("hosts", {}, 1.0)
        return from_plain(answer["hosts"], tuple[HostStatus, ...])

    async def shut_down(self) -> None:
        """End every host and the launcher."""
        await self._ask("shutdown", {}, MARGIN_S)

    async def exits(self) -> AsyncIterator[HostExited]:
        """Follow the hosts that end."""
        queue: asyncio.Queue[HostExited] = asyncio.Queue(maxsize=MAX_EXITS)
        self._followers.add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._followers.discard(queue)

    async def _ask(
        self, op: str, fields: Mapping[str, object], timeout_s: float
    ) -> Mapping[str, Any]:
        try:
            async with asyncio.timeout(CONNECT_S):
                await self._connected.wait()
        except TimeoutError as late:
            raise Unavailable(f"no launcher listens on {self._socket}: is it running?") from late
        writer = self._writer
        if writer is None:
            raise Unavailable(f"the connection to the launcher was lost before {op}")
        self._last_id += 1
        number = self._last_id
        future = self._pending[number] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(timeout_s + MARGIN_S):
                await write_frame(writer, {"id": number, "op": op, **fields})
                answer: Mapping[str, Any] = await future
        except TimeoutError as late:
            raise Unavailable(f"the launcher did not answer {op} in time") from late
        except OSError as lost:
            raise Unavailable(f"the connection to the launcher was lost during {op}") from lost
        finally:
            del self._pending[number]
        if answer.get("ok"):
            return answer
        raise SliceFailed(
            str(answer.get("message")),
            fields={"kind": answer.get("kind"), "trace": answer.get("trace", "")},
        )

    async def _stay_connected(self) -> None:
        pause_s = FIRST_RECONNECT_S
        while True:
            try:
                reader, writer = await asyncio.open_unix_connection(str(self._socket))
            except OSError:
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, LONGEST_RECONNECT_S)
                continue
            pause_s = FIRST_RECONNECT_S
            try:
                # `hosts` first: only who has asked something is told of exits.
                await write_frame(writer, {"id": 0, "op": "hosts"})
                self._writer = writer
                self._connected.set()
                await self._read(reader)
            except (OSError, FrameError) as problem:
                log.warning("connection to the launcher broke", why=str(problem))
            finally:
                self._lose(writer)

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while (message := await read_frame(reader)) is not None:
            if message.get("event") == "exited":
                self._tell(message)
                continue
            future = self._pending.get(message.get("id"))
            if future is not None and not future.done():
                future.set_result(message)

    def _tell(self, message: Mapping[str, Any]) -> None:
        fields = {name: message[name] for name in ("instance", "pid", "expected", "detail")}
        exited = from_plain(fields, HostExited)
        for queue in self._followers:
            try:
                queue.put_nowait(exited)
            except asyncio.QueueFull:
                log.warning(
                    "an exit was not told", instance=exited.instance, follower_behind=MAX_EXITS
                )

    def _lose(self, writer: asyncio.StreamWriter) -> None:
        self._connected.clear()
        self._writer = None
        with contextlib.suppress(OSError):
            writer.close()
        for future in self._pending.values():
            if not future.done():
                future.set_exception(ConnectionError("the launcher has gone"))


def _log_failure(name: str, failure: BaseException) -> None:
    log.error("task failed", task=name, exc_info=failure)


def _status(answer: Mapping[str, Any]) -> HostStatus:
    return from_plain(answer["host"], HostStatus)
