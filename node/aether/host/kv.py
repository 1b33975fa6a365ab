"""The slice's Kv over `run/node.sock`: one connection, re-made when the node comes back."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aether.frames import FrameError, read_frame, write_frame
from aether.sdk import Entry, Kv, KvConflict, KvError, KvInvalid, KvOutcomeUnknown, KvUnavailable
from aether.tasks import Tasks

TIMEOUT_S = 6.0
"""A little longer than the node gives its store, so that the node's own word usually arrives."""
MAX_IN_FLIGHT = 256
RECONNECT_S = 0.1

_ERRORS: Mapping[str, type[KvError]] = {
    "conflict": KvConflict,
    "unavailable": KvUnavailable,
    "no_quorum": KvUnavailable,
    "outcome_unknown": KvOutcomeUnknown,
}


class NodeKv(Kv):
    """Asks the node for keys below `app/{slice base}/`; the token says which slice is asking."""

    def __init__(self, socket: Path, token: str) -> None:
        self._socket = socket
        self._token = token
        self._writer: asyncio.StreamWriter | None = None
        self._pending: dict[int, asyncio.Future[Any]] = {}
        self._last_id = 0
        self._places = asyncio.Semaphore(MAX_IN_FLIGHT)
        self._connecting = asyncio.Lock()
        self._tasks = Tasks()

    async def get(self, key: str) -> Entry | None:
        """Return the entry, or None when there is none."""
        answer = await self._ask("kv.get", {"key": key}, writes=False)
        return _entry(answer["entry"]) if answer["entry"] is not None else None

    async def put(self, key: str, value: bytes, *, version: int | None = None) -> int:
        """Write and return the new version."""
        fields = {"key": key, "value": value, "version": version}
        return int((await self._ask("kv.put", fields, writes=True))["version"])

    async def delete(self, key: str, *, version: int | None = None) -> bool:
        """Remove the key and say whether it was there."""
        fields = {"key": key, "version": version}
        return bool((await self._ask("kv.delete", fields, writes=True))["deleted"])

    async def range(self, prefix: str = "", limit: int = 100) -> Sequence[Entry]:
        """Return at most `limit` entries under `prefix`, sorted by key."""
        answer = await self._ask("kv.range", {"prefix": prefix, "limit": limit}, writes=False)
        return [_entry(entry) for entry in answer["entries"]]

    async def close(self) -> None:
        """Let the connection go."""
        await self._tasks.stop()
        if self._writer is not None:
            self._writer.close()
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()

    async def _ask(self, op: str, fields: Mapping[str, Any], *, writes: bool) -> Any:  # noqa: ANN401 - a frame
        """Return the node's answer; raise a KvError. Reads are asked again on a new connection."""
        sent = False
        try:
            async with asyncio.timeout(TIMEOUT_S), self._places:
                answer: Any = None
                while answer is None:
                    writer = await self._connected()
                    sent = True
                    try:
                        answer = await self._exchange(writer, {"op": op, **fields})
                    except ConnectionError:
                        if writes:
                            raise
        except ValueError as problem:
            raise KvInvalid(f"{op}: {problem}") from problem
        except (TimeoutError, ConnectionError) as lost:
            why = f"{op} {fields.get('key', '')!r}: " + (str(lost) or f"no answer in {TIMEOUT_S} s")
            raise (KvOutcomeUnknown if sent and writes else KvUnavailable)(why) from lost
        if not answer.get("ok"):
            kind = _ERRORS.get(str(answer.get("code")), KvInvalid)
            raise kind(str(answer.get("message")))
        return answer

    async def _exchange(self, writer: asyncio.StreamWriter, request: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a frame
        self._last_id += 1
        number = self._last_id
        future = self._pending[number] = asyncio.get_running_loop().create_future()
        try:
            await write_frame(writer, {"id": number, "token": self._token, **request})
            return await future
        finally:
            del self._pending[number]

    async def _connected(self) -> asyncio.StreamWriter:
        """Return the live connection, making one for as long as the caller waits."""
        async with self._connecting:
            while self._writer is None or self._writer.is_closing():
                try:
                    reader, self._writer = await asyncio.open_unix_connection(str(self._socket))
                except OSError:
                    await asyncio.sleep(RECONNECT_S)
                else:
                    self._tasks.start("kv answers", self._read(reader, self._writer))
            return self._writer

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reason = "the node closed the connection"
        try:
            with contextlib.suppress(ConnectionError):
                while (answer := await read_frame(reader)) is not None:
                    future = self._pending.get(answer["id"])
                    if future is not None and not future.done():
                        future.set_result(answer)
        except (FrameError, KeyError, TypeError) as problem:
            reason = f"the node sent something else than an answer: {problem}"
        finally:
            writer.close()
            for future in self._pending.values():
                if not future.done():
                    future.set_exception(ConnectionError(reason))


def _entry(raw: Mapping[str, Any]) -> Entry:
    return Entry(raw["key"], raw["value"], raw["version"])
