"""Commands from another shell: one request and one answer on the forge's Unix socket."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from aether.frames import FrameError, read_frame, write_frame
from aether_forge.failures import ForgeError

MAX_REQUEST_BYTES = 16 * 1024
READ_S = 5.0
CALL_S = 60.0
"""Longest time a command may take."""

Handler = Callable[[dict[str, Any]], Awaitable[Any]]
"""Takes a request, returns msgpack values; raises ForgeError to refuse."""


@asynccontextmanager
async def listening(path: Path, handler: Handler) -> AsyncIterator[None]:
    """Answer commands on `path` while the block runs; only this user may connect."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(READ_S):
                request = await read_frame(reader, MAX_REQUEST_BYTES)
            async with asyncio.timeout(CALL_S):
                await write_frame(writer, await _answer(handler, request))
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    with _private_socket(path) as listener:
        server = await asyncio.start_unix_server(connected, sock=listener)
        try:
            yield
        finally:
            server.close()
            await server.wait_closed()


@contextmanager
def _private_socket(path: Path) -> Iterator[socket.socket]:
    """Bind a socket only this user may connect to; what a dead forge left there goes."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(str(path))
        path.chmod(0o600)  # before it listens, so nobody slips in
        yield listener
    finally:
        listener.close()
        path.unlink(missing_ok=True)


async def _answer(handler: Handler, request: object) -> dict[str, object]:
    if not isinstance(request, dict):
        return {"ok": False, "message": "a request is a map"}
    try:
        return {"ok": True, "result": await handler(request)}
    except ForgeError as problem:
        return {"ok": False, "message": str(problem)}


async def call(path: Path, request: dict[str, Any]) -> Any:  # noqa: ANN401 - as the handler answers
    """Send one command; raise ForgeError when it is refused or no forge runs there."""
    try:
        reader, writer = await asyncio.open_unix_connection(path)
    except OSError as problem:
        raise ForgeError(
            f"no forge runs on {path.parent} ({problem.strerror}); start one with "
            "`aether-forge up`, or name its directory with --data-dir"
        ) from problem
    try:
        async with asyncio.timeout(CALL_S + READ_S):
            await write_frame(writer, request)
            answer = await read_frame(reader)
    except (FrameError, ConnectionError) as problem:
        raise ForgeError(f"the forge on {path.parent} broke off: {problem}") from problem
    except TimeoutError as problem:
        raise ForgeError(f"the forge on {path.parent} did not answer in {CALL_S:g} s") from problem
    finally:
        writer.close()
    if not isinstance(answer, dict):
        raise ForgeError(f"the forge on {path.parent} ended before it answered")
    if not answer.get("ok"):
        raise ForgeError(str(answer.get("message")))
    return answer.get("result")
