"""Messages between a node and the process of its model: frames over a socket pair, read and written by threads."""

import socket
from typing import TypeVar

import msgspec

from aether.frames import HEADER, pack

MOST_BYTES = 16 * 1024 * 1024
"""Far more than a batch of the most histories has."""

_T = TypeVar("_T")


class WireBroken(Exception):
    """The other end went away, said something else, or was silent for too long."""


def send(to: socket.socket, message: object) -> None:
    """Send a message; raise WireBroken when that fails or takes longer than the socket's timeout."""
    try:
        to.sendall(pack(message, MOST_BYTES))
    except OSError as error:
        raise WireBroken(f"not sent: {error}") from error


def receive(of: socket.socket, kind: type[_T]) -> _T:
    """Return the next message; raise WireBroken when there is none within the socket's timeout."""
    (size,) = HEADER.unpack(_exactly(of, HEADER.size))
    if size > MOST_BYTES:
        raise WireBroken(f"a message of {size} bytes")
    try:
        return msgspec.msgpack.decode(_exactly(of, size), type=kind)
    except msgspec.MsgspecError as error:
        raise WireBroken(f"not understood: {error}") from error


def _exactly(of: socket.socket, size: int) -> bytearray:
    found = bytearray(size)
    view, filled = memoryview(found), 0
    while filled < size:
        try:
            read = of.recv_into(view[filled:])
        except OSError as error:
            raise WireBroken(f"no answer: {error}") from error
        if not read:
            raise WireBroken("the other end is gone")
        filled += read
    return found
