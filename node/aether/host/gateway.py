"""The node's side of `run/node.sock`: each slice's Kv, kept below `app/{slice base}/`."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import structlog

from aether.core.model import keys
from aether.core.model.ids import SliceBase
from aether.core.model.reason import Reason
from aether.core.store.commands import (
    Applied,
    Delete,
    Entry,
    Guard,
    Operation,
    Put,
    Refused,
    Txn,
)
from aether.errors import AetherError, Conflict, Invalid, Unavailable
from aether.frames import FrameError, pack, read_frame, write_frame
from aether.logs.orders import LogOrders, plain_orders
from aether.ports import Store
from aether.tasks import Tasks

MAX_IN_FLIGHT = 64
"""Requests a connection may have under way; the next one is read when one is answered."""
MAX_CONNECTIONS = 2048
"""Each host may hold two: for its keys and for its spans."""
MAX_RANGE = 1000
MOST_UNSENT_BYTES = 256 * 1024
"""With more waiting for a host it is not asked for traces."""
TIMEOUT_S = 5.0

log = structlog.get_logger()


class SpansTaker(Protocol):
    """Takes spans of hosts; `telemetry.traces.NodeTraces` is one."""

    def take_of_host(self, spans: object, slice_base: str) -> None:
        """Keep the spans of a message. Raises ValueError for what is none."""
        ...

    def note_dropped(self, count: object) -> None:
        """Count spans a process lost since it shipped last."""
        ...


class LinesTaker(Protocol):
    """Takes what hosts log; `telemetry.lines.NodeLines` is one."""

    def take_of_host(self, lines: object, slice_base: str, instance: object) -> None:
        """Send the lines of a message on. Raises ValueError for what is none."""
        ...

    def note_dropped(self, count: object) -> None:
        """Count lines a process lost since it shipped last."""
        ...


class HostGateway:
    """Serves slice hosts; `slice_of` tells which slice a token belongs to."""

    def __init__(
        self,
        path: Path,
        store: Store,
        slice_of: Callable[[str], SliceBase | None],
        spans: SpansTaker | None = None,
        lines: LinesTaker | None = None,
    ) -> None:
        self._path = path
        self._store = store
        self._slice_of = slice_of
        self._spans = spans
        self._lines = lines
        self._server: asyncio.AbstractServer | None = None
        self._tasks = Tasks(on_failure=_log_failure)
        self._writers: set[asyncio.StreamWriter] = set()
        self._tracing: dict[asyncio.StreamWriter, None] = {}
        """Connections on which spans come, and which are told the traces that are wanted."""
        self._logging: dict[asyncio.StreamWriter, None] = {}
        """Those of them that know what to do with messages about their logs."""
        self._logs = b""
        """What hosts are told about their logs, packed; empty before anything is."""

    async def start(self) -> None:
        """Listen on a socket nobody else may connect to."""
        await asyncio.to_thread(self._path.unlink, missing_ok=True)
        self._server = await asyncio.start_unix_server(self._accept, str(self._path))
        await asyncio.to_thread(self._path.chmod, 0o600)

    async def stop(self) -> None:
        """Stop listening and end every connection."""
        if self._server is not None:
            self._server.close()
        await self._tasks.stop()
        for writer in list(self._writers):
            await _close(writer)

    def ask(self, traces: Sequence[str]) -> None:
        """Have every host ship what it remembers of these traces."""
        frame = pack({"event": "traces", "asked": list(traces)})
        for writer in self._tracing:
            transport = writer.transport
            if transport.is_closing():
                continue
            if transport.get_write_buffer_size() < MOST_UNSENT_BYTES:
                writer.write(frame)

    def tell_logs(self, orders: LogOrders) -> None:
        """Have every host log as told, those that come later included."""
        self._logs = pack({"event": "logs", **plain_orders(orders)})
        for writer in self._logging:
            if not writer.transport.is_closing():
                writer.write(self._logs)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._writers) >= MAX_CONNECTIONS:
            log.warning("too many connections of hosts", limit=MAX_CONNECTIONS)
            writer.close()
            return
        self._writers.add(writer)
        self._tasks.start("host connection", self._serve(reader, writer))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        places = asyncio.Semaphore(MAX_IN_FLIGHT)
        answers = Tasks(on_failure=_log_failure)
        try:
            while (request := await read_frame(reader)) is not None:
                await places.acquire()
                answers.start("kv", self._answer(request, writer, places))
        except FrameError as problem:
            log.warning("host connection broke", why=str(problem))
        except ConnectionError as lost:
            log.debug("host connection ended", why=str(lost))
        finally:
            self._tracing.pop(writer, None)
            self._logging.pop(writer, None)
            await answers.stop()
            await _close(writer)
            self._writers.discard(writer)

    async def _answer(
        self,
        request: Any,  # noqa: ANN401 - a frame may hold anything
        writer: asyncio.StreamWriter,
        places: asyncio.Semaphore,
    ) -> None:
        number = request.get("id", 0) if isinstance(request, dict) else 0
        try:
            answer = {"id": number, "ok": True, **await self._do(request)}
            if request["op"] == "spans.hello":
                self._tracing[writer] = None
                self._greet(writer, knows_logs=request.get("logs") is True)
        except AetherError as problem:
            answer = {"id": number, "ok": False, "code": problem.code, "message": problem.message}
        except (KeyError, TypeError, ValueError, AttributeError) as problem:
            message = f"not a request: {type(problem).__name__}: {problem}"
            answer = {"id": number, "ok": False, "code": Invalid.code, "message": message}
        try:
            await write_frame(writer, answer)
        except OSError:
            log.debug("host went away before it was answered", op=str(request)[:60])
        finally:
            places.release()  # only now: a host that takes no answers must not go on asking

    def _greet(self, writer: asyncio.StreamWriter, *, knows_logs: bool) -> None:
        """Tell a host that has come what to log, when it knows what to do with that."""
        if knows_logs:
            self._logging[writer] = None
            if self._logs:
                writer.write(self._logs)

    async def _do(self, request: Mapping[str, Any]) -> Mapping[str, object]:
        base = self._slice_of(_text(request, "token"))
        if base is None:
            # A node that has just begun a new life may not have met its hosts again yet.
            raise Unavailable("no slice on this node is known by this token; try again")
        match request["op"]:
            case "kv.get":
                return await self._get(base, _text(request, "key"))
            case "kv.put":
                return await self._put(base, request)
            case "kv.delete":
                return await self._delete(base, request)
            case "kv.range":
                return await self._range(base, request)
            case "spans.hello" | "spans" if self._spans is not None:
                self._spans.take_of_host(request.get("spans", []), base)
                self._spans.note_dropped(request.get("dropped", 0))
                return {}
            case "lines" if self._lines is not None:
                self._lines.take_of_host(request["lines"], base, request.get("instance"))
                self._lines.note_dropped(request.get("dropped", 0))
                return {}
            case other:
                raise Invalid(f"there is no op {other!r}")

    async def _get(self, base: SliceBase, key: str) -> Mapping[str, object]:
        entry = await self._store.get(keys.app(base, key), timeout_s=TIMEOUT_S)
        return {"entry": _plain(base, entry) if entry is not None else None}

    async def _put(self, base: SliceBase, request: Mapping[str, Any]) -> Mapping[str, object]:
        key, value = _text(request, "key"), request["value"]
        if not isinstance(value, bytes):
            raise Invalid(f"the value of {key!r} must be bytes, not {type(value).__name__}")
        applied = await self._write(base, "put", key, Put(keys.app(base, key), value), request)
        return {"version": applied.revision}

    async def _delete(self, base: SliceBase, request: Mapping[str, Any]) -> Mapping[str, object]:
        key = _text(request, "key")
        applied = await self._write(base, "delete", key, Delete(keys.app(base, key)), request)
        return {"deleted": applied.deleted > 0}

    async def _range(self, base: SliceBase, request: Mapping[str, Any]) -> Mapping[str, object]:
        limit = request["limit"]
        if not isinstance(limit, int) or not 1 <= limit <= MAX_RANGE:
            raise Invalid(f"limit {limit!r} must be a number from 1 to {MAX_RANGE}")
        prefix = keys.app(base, _text(request, "prefix"))
        found = await self._store.range(prefix, limit=limit, timeout_s=TIMEOUT_S)
        return {"entries": [_plain(base, entry) for entry in found.entries], "more": found.more}

    async def _write(
        self,
        base: SliceBase,
        verb: str,
        key: str,
        operation: Operation,
        request: Mapping[str, Any],
    ) -> Applied:
        version = request.get("version")
        if version is not None and not isinstance(version, int):
            raise Invalid(f"version {version!r} of {key!r} must be a number")
        stored = keys.app(base, key)
        outcome = await self._store.txn(
            Txn(
                then=(operation,),
                guards=(Guard(stored, version),) if version is not None else (),
                reason=Reason(f"slice:{base}", f"kv.{verb}", f"{base} asked to {verb} {key!r}"),
            ),
            timeout_s=TIMEOUT_S,
        )
        if isinstance(outcome, Refused):
            raise Conflict(outcome.message or f"{key!r} is not at version {version}")
        return outcome


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


def _text(request: Mapping[str, Any], name: str) -> str:
    value = request[name]
    if not isinstance(value, str):
        raise Invalid(f"{name} must be text, not {type(value).__name__}")
    return value


def _plain(base: SliceBase, entry: Entry) -> Mapping[str, object]:
    key = entry.key.removeprefix(keys.app(base))
    return {"key": key, "value": entry.value, "version": entry.mod_revision}


def _log_failure(name: str, failure: BaseException) -> None:
    log.error("task failed", task=name, exc_info=failure)
