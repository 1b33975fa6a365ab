"""What a client's connection needs of a tunnel once both sides have switched protocols."""

from typing import Protocol


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
