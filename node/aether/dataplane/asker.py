"""What an exchange needs of the client connection whose request it carries."""

from typing import Protocol

from aether.dataplane.problems import Problem


class FarEnd(Protocol):
    """The other side of a client's connection after a 101: raw bytes from here on.

    The client's connection keeps `deadline`, `write`, `hold_body(held=)`, `is_write_held`, `close`
    and `abort` for the tunnel; nothing else of it is used any more.
    """

    def received(self, data: bytes) -> None:
        """Take bytes the client sent."""
        ...

    def hold(self, *, held: bool) -> None:
        """Send nothing for now, or go on: the client is slower than what it is sent."""
        ...

    def client_lost(self) -> None:
        """Hear that the client's connection is gone; called once, and nothing after it."""
        ...

    def expire(self) -> None:
        """Act on the deadline of the client's connection, which has passed."""
        ...


class Asker(Protocol):
    """The client connection, as an exchange uses it."""

    deadline: float
    wants_close: bool
    """Whether the connection ends with this answer whatever the router does."""

    @property
    def is_write_held(self) -> bool:
        """Whether the client is slower than what it is sent."""
        ...

    def write(self, data: bytes) -> None:
        """Send bytes of the answer."""
        ...

    def hold_body(self, *, held: bool) -> None:
        """Read no more of the request's body for now, or go on."""
        ...

    def switch(self, far_end: FarEnd) -> None:
        """Carry raw bytes from here on, after the head of a 101 was written."""
        ...

    def close(self) -> None:
        """Close once all that was written is sent."""
        ...

    def finish(self, now: float, problem: Problem | None = None) -> None:
        """End the exchange at `now`: the answer is whole, or `problem` is."""
        ...

    def abort(self) -> None:
        """Close: the answer is cut short."""
        ...
