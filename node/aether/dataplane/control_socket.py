"""The control socket of a router process: says how it is, and hands its listening sockets over.

A process that takes the sockets serves beside this one until it says that it is ready; from then on
this one accepts nothing. Should it break off before, this one goes on as if nobody had asked.
"""

import asyncio
import os
import socket
from pathlib import Path
from typing import Any, Protocol

import structlog

from aether.dataplane.handover import check_peer
from aether.dataplane.listeners import LOCAL, Listening
from aether.frames import HEADER, FrameError, pack, unpack
from aether.tasks import Tasks

MAX_QUESTION_BYTES = 4096
MOST_ASKING = 8
QUESTION_S = 2.0
TAKE_S = 30.0
"""Longest time between handing sockets over and hearing that their new holder serves."""

log = structlog.get_logger()


class Holder(Protocol):
    """The router whose sockets these are."""

    @property
    def listening(self) -> Listening:
        """Its listening sockets."""
        ...

    @property
    def revision(self) -> int:
        """Of the table it uses."""
        ...

    def health(self) -> dict[str, object]:
        """Say how it is."""
        ...

    def hand_over(self) -> None:
        """Accept nothing more: another process does."""
        ...


class ControlSocket:
    """Answers whoever connects to `path`, which only processes of this user can."""

    def __init__(self, path: Path, holder: Holder) -> None:
        self._path = path
        self._holder = holder
        self._tasks = Tasks(on_failure=_log_failure)
        self._socket: socket.socket | None = None
        self._asking = 0
        self._taken = False

    def start(self) -> None:
        """Listen; the socket file of an earlier process is replaced."""
        made = self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        made.settimeout(0)
        self._path.unlink(missing_ok=True)
        made.bind(str(self._path))
        self._path.chmod(0o600)
        made.listen(MOST_ASKING)
        self._tasks.start("answer control socket", self._accept(made))

    async def stop(self) -> None:
        """Answer nobody any more; the file goes too, unless another process has its own there."""
        await self._tasks.stop()
        if self._socket is not None:
            self._socket.close()
            self._socket = None
            if not self._taken:
                self._path.unlink(missing_ok=True)

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            link, _ = await loop.sock_accept(listening)
            if self._asking >= MOST_ASKING:
                link.close()
                continue
            self._asking += 1
            self._tasks.start("control question", self._serve(link))

    async def _serve(self, link: socket.socket) -> None:
        try:
            link.settimeout(0)
            async with asyncio.timeout(QUESTION_S):
                question = await _read(link)
            if not question:
                return  # who only looks whether somebody listens says nothing
            pid = check_peer(link, question.get("pid"))
            match question.get("op"):
                case "health":
                    await _answer(link, {"health": self._holder.health()})
                case "share":
                    await self._hand_out(link, (LOCAL,))
                case "take":
                    await self._take(link, pid)
                case other:
                    raise FrameError(f"unknown question {str(other)[:40]!r}")
        except (OSError, TimeoutError) as problem:
            log.warning("control question not answered", problem=str(problem) or "too slow")
        finally:
            link.close()
            self._asking -= 1

    async def _take(self, link: socket.socket, pid: int) -> None:
        """Hand everything to `pid`, and let go once it serves."""
        await self._hand_out(link, tuple(self._holder.listening.sockets))
        async with asyncio.timeout(TAKE_S):
            said = await _read(link)
        if not said:
            log.warning("whoever took the sockets is gone before it served", pid=pid)
            return
        if said.get("op") != "ready" or self._taken:
            raise FrameError("whoever took the sockets does not say that it serves")
        self._taken = True
        log.info("replaced", by_pid=pid)
        self._holder.hand_over()
        await _answer(link, {})

    async def _hand_out(self, link: socket.socket, names: tuple[str, ...]) -> None:
        listening = self._holder.listening
        names = tuple(name for name in names if name in listening.sockets)
        frame = pack(
            {
                "ok": True,
                "pid": os.getpid(),
                "names": names,
                "addresses": listening.addresses,
                "inode": listening.inode,
                "revision": self._holder.revision,
            }
        )
        descriptors = [listening.sockets[name].fileno() for name in names]
        sent = socket.send_fds(link, [frame], descriptors)
        await asyncio.get_running_loop().sock_sendall(link, frame[sent:])


async def _answer(link: socket.socket, fields: dict[str, object]) -> None:
    frame = pack({"ok": True, "pid": os.getpid(), **fields})
    async with asyncio.timeout(QUESTION_S):
        await asyncio.get_running_loop().sock_sendall(link, frame)


async def _read(link: socket.socket) -> dict[str, Any]:
    """Return a question; an empty one when the other end closes without any."""
    first = await asyncio.get_running_loop().sock_recv(link, HEADER.size)
    if not first:
        return {}
    (size,) = HEADER.unpack(first + await _exactly(link, HEADER.size - len(first)))
    if size > MAX_QUESTION_BYTES:
        raise FrameError(f"a question of {size} bytes is over {MAX_QUESTION_BYTES}")
    question = unpack(await _exactly(link, size))
    if not isinstance(question, dict):
        raise FrameError(f"{str(question)[:40]!r} is no question")
    return question


async def _exactly(link: socket.socket, size: int) -> bytes:
    loop = asyncio.get_running_loop()
    parts = bytearray()
    while len(parts) < size:
        part = await loop.sock_recv(link, size - len(parts))
        if not part:
            raise FrameError("the connection ended before a whole question")
        parts += part
    return bytes(parts)


def _log_failure(name: str, failure: BaseException) -> None:
    log.error("control socket failed", task=name, exc_info=failure)
