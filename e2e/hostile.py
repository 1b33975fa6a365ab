"""What a stranger might throw at a port, and clients that misbehave without saying anything wrong."""

import contextlib
import os
import pickle
import random
import socket
import struct
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SEND_S = 3.0
"""Longest time for one throw: sending it, and hearing what comes back."""
MOST_SENT_BYTES = 24 * 1024 * 1024
"""A server that takes so much from a client that never reads holds it somewhere, or answers nobody."""
_PIECE_BYTES = 64 * 1024


@dataclass(frozen=True)
class Door:
    """A place where a node listens, and one request it would answer, over and over."""

    name: str
    address: Path | int
    """A Unix socket, or a port of loopback."""
    request: bytes

    def connect(self) -> socket.socket:
        if isinstance(self.address, int):
            return socket.create_connection(("127.0.0.1", self.address), SEND_S)
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(SEND_S)
        connection.connect(str(self.address))
        return connection


class Marked:
    """Unpickled, it makes the directory it was given: whoever does that runs a stranger's code."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return os.mkdir, (str(self._path),)


def framed(body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + body


def _http2_frame(kind: int, flags: int, stream: int, body: bytes) -> bytes:
    return (
        struct.pack(">I", len(body))[1:] + bytes((kind, flags)) + stream.to_bytes(4, "big") + body
    )


def http2_pings(count: int) -> bytes:
    """Return frames each of which must be answered."""
    return _http2_frame(6, 0, 0, b"\0" * 8) * count


def _http2(dice: random.Random) -> list[bytes]:
    settings = _http2_frame(4, 0, 0, b"")
    noise = b"".join(
        _http2_frame(dice.randrange(12), dice.randrange(256), dice.randrange(9), dice.randbytes(50))
        for _ in range(200)
    )
    endless = _http2_frame(1, 0, 1, b"\x82\x86\x84") + _http2_frame(9, 0, 1, b"\0" * 16384) * 64
    return [
        PREFACE + dice.randbytes(4096),
        PREFACE + settings + noise,
        PREFACE + settings + endless,
        PREFACE + settings + _http2_frame(4, 0, 0, b"\0\3\0\0\0\1") * 20_000,
        PREFACE + b"\xff\xff\xff\0\0\0\0\0\1" + b"x" * 65536,
    ]


def _http(bomb: bytes) -> list[bytes]:
    head = b"POST /api/v1/blueprints HTTP/1.1\r\nhost: x\r\ncontent-type: application/toml\r\n"
    chunked = head + b"transfer-encoding: chunked\r\n"
    length = b"content-length: %d\r\n\r\n"
    return [
        head + length % 2**31 + b"x" * 65536,
        head + length % 2**64,
        head + b"content-length: -1\r\n\r\n",
        chunked + b"\r\n80000000\r\n" + b"x" * 65536,
        chunked + b"\r\n" + b"f" * 4096 + b"\r\n",
        head + b"content-encoding: deflate\r\n" + length % len(bomb) + bomb,
        b"GET /" + b"a" * 1_000_000,
        b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 100_000,
        b"GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n" + PREFACE,
    ]


def throws(marker: Path, dice: random.Random) -> list[bytes]:
    """Return what is thrown at every door: random, made to run code, made to take memory."""
    pickled = pickle.dumps(Marked(marker))
    bomb = zlib.compress(bytes(256 * 1024 * 1024), 9)
    deep = b"\x91" * 200_000
    plain = [
        *(dice.randbytes(size) for size in (1, 3, 16, 100, 4096, 65536)),
        pickled,
        zlib.compress(pickled),
        bomb,
        deep,
        b"[" * 200_000,
        b"\xdd\x7f\xff\xff\xff" + b"\xc0" * 1000,
        b"\xdf\xff\xff\xff\xff",
        b"\xc6\x7f\xff\xff\xff",
        b"\x92\x01\xdd\xff\xff\xff\xff",
    ]
    odd: list[object] = [
        5,
        None,
        [],
        {},
        {1: 2},
        {"op": None},
        {"op": []},
        {"op": {}},
        {"op": "start"},
    ]
    odd += [{"op": "stop", "id": []}, {"op": "get", "id": {}}, ["x"] * 100, [1, {}, b"", None]]
    plain += map(msgspec.msgpack.encode, odd)
    lengths = [struct.pack(order + "I", 2**31) + b"x" * 1_000_000 for order in ("<", ">")] + [
        struct.pack(">I", 8 * 1024 * 1024) + b"x" * 100,
        b"\xff" * 12,
    ]
    return [*plain, *map(framed, plain), *lengths, *_http2(dice), *_http(bomb)]


def throw(door: Door, data: bytes) -> None:
    """Send, say that nothing more comes, and hear what comes back for a moment."""
    ends_at = time.monotonic() + SEND_S
    with contextlib.suppress(OSError), door.connect() as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        while time.monotonic() < ends_at and connection.recv(65536):
            pass


def never_read(door: Door) -> tuple[socket.socket, int]:
    """Ask again and again and read nothing, until nothing more is taken; return what was sent.

    The connection stays open: what is held for it is still held.
    """
    connection = door.connect()
    connection.setblocking(False)
    piece = door.request * max(1, _PIECE_BYTES // len(door.request))
    sent, refused_since = 0, time.monotonic()
    view = memoryview(piece)
    while sent < MOST_SENT_BYTES and time.monotonic() - refused_since < 1.0:
        try:
            taken = connection.send(view[sent % len(piece) :])
        except BlockingIOError:
            time.sleep(POLL_S)
        except OSError:
            break
        else:
            sent += taken
            refused_since = time.monotonic()
    return connection, sent


POLL_S = 0.01


def doors(run: Path, ports: Sequence[int]) -> list[Door]:
    """Return every place where a node listens; `ports`: management, router, cluster, Raft, mesh."""
    management, router, cluster, raft, mesh = ports
    get = b"GET %s HTTP/1.1\r\nhost: x\r\n\r\n"
    status = framed(msgspec.msgpack.encode([6, 1]))
    odd = framed(msgspec.msgpack.encode({"op": "wat", "id": 1, "key": "x" * 200}))
    return [
        Door("management", management, get % b"/api/v1/nodes"),
        Door("router", router, get % b"/hello"),
        Door("cluster", cluster, PREFACE + _http2_frame(4, 0, 0, b"") + http2_pings(1)),
        Door("raft", raft, framed(b"AeRaft\x01" + msgspec.msgpack.encode(["wat"]))),
        Door("mesh", mesh, get % b"/hello"),
        Door("store.sock", run / "store.sock", status),
        Door("router.sock", run / "router.sock", get % b"/hello"),
        Door("launcher.sock", run / "launcher.sock", odd),
        Door("node.sock", run / "node.sock", odd),
        Door("router.sock.table", run / "router.sock.table", odd),
        Door("router.control", run / "router.control", odd),
    ]
