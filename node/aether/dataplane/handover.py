"""Asking a router process over its control socket: how it is, or for its listening sockets.

Frames of `aether.frames`, one question a connection. Sockets come beside the answer (SCM_RIGHTS).
Both ends make sure that the other is a process of the same user, and the one named by its pid.
Calls block for at most `ASK_S`.
"""

import os
import socket
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from aether.frames import HEADER, FrameError, pack, unpack

ASK_S = 2.0
MAX_ANSWER_BYTES = 64 * 1024
MOST_SOCKETS = 8
_CREDENTIALS = struct.Struct("3i")

log = structlog.get_logger()


class Refused(ConnectionError):
    """The process asked, or who answered in its place, will not do it."""


@dataclass(slots=True, kw_only=True)
class Offer:
    """What a router process handed out. Whoever takes a socket takes it out of `sockets`."""

    pid: int
    sockets: dict[str, socket.socket]
    addresses: dict[str, str]
    inode: int
    """Of the file of the local socket when that was bound."""
    revision: int
    """Of the table it used."""
    _link: socket.socket = field(repr=False)

    def finish(self) -> None:
        """Tell the process that it is replaced; return once it takes no more connections.

        Raises OSError when it is gone or does not say so in time.
        """
        self._link.sendall(pack({"op": "ready", "pid": os.getpid()}))
        answer, _ = _read(self._link)
        if not isinstance(answer, dict) or not answer.get("ok"):
            raise Refused(f"router process {self.pid} answers {answer!r} to being replaced")

    def close(self) -> None:
        """Let go of what was not taken; a process that was not told it is replaced serves on."""
        for each in self.sockets.values():
            each.close()
        self.sockets.clear()
        self._link.close()


def ask(path: Path, op: str) -> Offer | None:
    """Ask the process behind `path` for sockets, by `take` or `share`; None when none answers."""
    try:
        link = _connect(path)
    except OSError:
        return None  # nobody listens: the process never was, is gone, or is just starting
    try:
        answer, sockets = _question(link, path, op)
        return Offer(
            pid=int(answer["pid"]),
            sockets=sockets,
            addresses=dict(answer["addresses"]),
            inode=int(answer["inode"]),
            revision=int(answer["revision"]),
            _link=link,
        )
    except (OSError, KeyError, TypeError, ValueError) as problem:
        link.close()
        log.warning("no sockets from a router process", path=str(path), problem=str(problem))
        return None


def health(path: Path) -> dict[str, Any]:
    """Return how the process behind `path` says it is; raise OSError when it does not answer."""
    link = _connect(path)
    try:
        answer, _ = _question(link, path, "health")
        return dict(answer["health"])
    except (KeyError, TypeError, ValueError) as problem:
        raise Refused(f"{path} answers nonsense: {problem}") from problem
    finally:
        link.close()


def peer_of(link: socket.socket) -> tuple[int, int]:
    """Return pid and user of the process at the other end, as the kernel knows them."""
    raw = link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, _ = _CREDENTIALS.unpack(raw)
    return pid, uid


def check_peer(link: socket.socket, said: object) -> int:
    """Return the pid of the other end; raise Refused unless it is ours and who it says it is."""
    pid, uid = peer_of(link)
    if uid != os.geteuid():
        raise Refused(f"process {pid} belongs to user {uid}, not {os.geteuid()}")
    if said != pid:
        raise Refused(f"process {pid} says it is {said!r}")
    return pid


def _connect(path: Path) -> socket.socket:
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        link.settimeout(ASK_S)
        link.connect(str(path))
    except BaseException:
        link.close()
        raise
    return link


def _question(
    link: socket.socket, path: Path, op: str
) -> tuple[dict[str, Any], dict[str, socket.socket]]:
    link.sendall(pack({"op": op, "pid": os.getpid()}))
    answer, sockets = _read(link)
    try:
        names = _checked_names(link, answer, len(sockets))
    except BaseException as problem:
        for each in sockets:
            each.close()
        if isinstance(problem, Refused):
            raise Refused(f"{path} does not answer {op}: {problem}") from problem
        raise
    return answer, dict(zip(names, sockets, strict=True))


def _checked_names(link: socket.socket, answer: object, sockets: int) -> list[str]:
    """Return the names of the sockets in an answer, once it is sure who gave it."""
    if not isinstance(answer, dict) or not answer.get("ok"):
        raise Refused(f"it says {answer!r}")
    check_peer(link, answer.get("pid"))
    names = [str(name) for name in answer.get("names", ())]
    if len(names) != sockets:
        raise Refused(f"it names {len(names)} sockets and hands over {sockets}")
    return names


def _read(link: socket.socket) -> tuple[Any, list[socket.socket]]:
    """Return one message and the sockets that came with its first bytes."""
    data, descriptors, _, _ = socket.recv_fds(
        link, HEADER.size, MOST_SOCKETS, socket.MSG_CMSG_CLOEXEC
    )
    sockets = [socket.socket(fileno=each) for each in descriptors]
    try:
        return unpack(_rest(link, data)), sockets
    except BaseException:
        for each in sockets:
            each.close()
        raise


def _rest(link: socket.socket, data: bytes) -> bytes:
    """Return the body of a message of which the first bytes were read."""
    (size,) = HEADER.unpack(data + _exactly(link, HEADER.size - len(data)))
    if size > MAX_ANSWER_BYTES:
        raise FrameError(f"a message of {size} bytes is over {MAX_ANSWER_BYTES}")
    return _exactly(link, size)


def _exactly(link: socket.socket, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        part = link.recv(size - len(parts))
        if not part:
            raise FrameError("the connection ended inside a message")
        parts += part
    return bytes(parts)
