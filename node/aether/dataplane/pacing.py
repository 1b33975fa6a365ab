"""Clients that hold something by being slow: how slow a body may come, and an answer be taken.

Silence alone has a deadline elsewhere; here it is those who send or take a byte now and then.
"""

import asyncio
import fcntl
import struct
import termios

from aether.dataplane.limits import Limits

_INT = struct.Struct("i")


class Holds:
    """Why nothing is read from a client for now; reading goes on when no reason is left."""

    __slots__ = ("body", "is_held", "pipeline", "transport")

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.body = False
        """Nobody can take more of the body."""
        self.pipeline = False
        """Many requests wait for an answer, or for the client to take one."""
        self.is_held = False

    def apply(self) -> None:
        """Read or do not, as there are reasons now."""
        held = self.body or self.pipeline
        transport = self.transport
        if held is self.is_held or transport is None or transport.is_closing():
            return
        self.is_held = held
        if held:
            transport.pause_reading()
        else:
            transport.resume_reading()

    def release(self) -> None:
        """Read on, whatever was."""
        self.body = self.pipeline = False
        self.apply()


class BodyPace:
    """Whether the body of a request comes at the rate asked for; time we held it back is not counted."""

    __slots__ = ("_began", "_held_since")

    def __init__(self) -> None:
        self._began = 0.0
        self._held_since: float | None = None

    def begin(self, now: float) -> None:
        """Expect the body of a request from now on."""
        self._began = now
        self._held_since = None

    def hold(self, now: float, *, held: bool) -> None:
        """Hear that the body is held back from now on, or no longer."""
        if held:
            if self._held_since is None:
                self._held_since = now
        elif self._held_since is not None:
            self._began += now - self._held_since
            self._held_since = None

    def is_too_slow(self, received: int, now: float, limits: Limits) -> bool:
        """Whether so many bytes are too few by now."""
        if self._held_since is not None:
            return False
        counted_s = now - self._began - limits.body_grace_s
        return counted_s > 0 and received < counted_s * limits.least_bytes_per_s


class ReadProgress:
    """Whether a client that is slower than its answer takes of it what is asked for.

    What a socket's buffer holds can last a slow client for minutes, in which the router can write
    nothing more: it is no silence as long as the buffer empties.
    """

    __slots__ = ("_unsent",)

    def __init__(self) -> None:
        self._unsent = -1

    def forget(self) -> None:
        """Begin anew: the client has caught up, or falls behind just now."""
        self._unsent = -1

    def is_enough(self, unsent: int, limits: Limits) -> bool:
        """Look again after `stall_s`: whether so much has left since; the first look always passes."""
        before, self._unsent = self._unsent, unsent
        least = min(before, int(limits.least_bytes_per_s * limits.stall_s))
        return before < 0 or before - unsent >= max(1, least)


def unsent_bytes(transport: asyncio.Transport) -> int:
    """Return how much was written to a connection that its peer has not taken yet."""
    waiting = transport.get_write_buffer_size()
    socket = transport.get_extra_info("socket")
    if socket is None:
        return waiting
    try:
        queued = fcntl.ioctl(socket.fileno(), termios.TIOCOUTQ, bytes(_INT.size))
    except (OSError, ValueError):
        return waiting  # it was closed meanwhile
    return waiting + int(_INT.unpack(queued)[0])
