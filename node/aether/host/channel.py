"""Frames over a non-blocking socket, without an event loop: the launcher's side of its links."""

import socket
import struct
from typing import Any

from aether.frames import HEADER, MAX_FRAME_BYTES, FrameError, pack, unpack

MAX_UNSENT_BYTES = 4 * MAX_FRAME_BYTES
FULL_BYTES = 1024 * 1024
"""Bytes that may wait for a peer before it is not listened to."""
READ_BYTES = 64 * 1024
_CREDENTIALS = struct.Struct("3i")


class Channel:
    """One connection of the launcher: to a node, or to a host."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)  # noqa: FBT003 - the library's own signature
        self.sock = sock
        self._received = bytearray()
        self._unsent = bytearray()

    @property
    def wants_to_write(self) -> bool:
        """Whether bytes wait for the peer."""
        return bool(self._unsent)

    @property
    def is_full(self) -> bool:
        """Whether so much waits for the peer that it should ask no more."""
        return len(self._unsent) > FULL_BYTES

    def peer_pid(self) -> int:
        """Return the pid of the process at the other end, as the kernel knows it."""
        raw = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        return int(_CREDENTIALS.unpack(raw)[0])

    def receive(self) -> list[Any] | None:
        """Return the messages that are here, None when the peer has closed.

        Raises FrameError for what is not a frame, OSError for a broken connection.
        """
        try:
            chunk = self.sock.recv(READ_BYTES)
        except BlockingIOError:
            return []
        if not chunk:
            return None
        self._received += chunk
        messages: list[Any] = []
        while len(self._received) >= HEADER.size:
            (size,) = HEADER.unpack_from(self._received)
            if size > MAX_FRAME_BYTES:
                raise FrameError(f"a frame of {size} bytes is over the limit of {MAX_FRAME_BYTES}")
            end = HEADER.size + size
            if len(self._received) < end:
                break
            messages.append(unpack(bytes(self._received[HEADER.size : end])))
            del self._received[:end]
        return messages

    def send(self, message: object) -> None:
        """Queue a message and send what the socket takes; raise OSError when the peer is stuck."""
        self._unsent += pack(message)
        if len(self._unsent) > MAX_UNSENT_BYTES:
            raise FrameError(f"{len(self._unsent)} bytes wait for a peer that does not read")
        self.flush()

    def flush(self) -> None:
        """Send what the socket takes; raises OSError when the connection is broken."""
        while self._unsent:
            try:
                sent = self.sock.send(self._unsent)
            except BlockingIOError:
                return
            del self._unsent[:sent]

    def close(self) -> None:
        """Close."""
        self.sock.close()
