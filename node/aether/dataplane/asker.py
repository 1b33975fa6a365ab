"""What an exchange needs of the client connection whose request it carries."""

from typing import Protocol

from aether.dataplane.problems import Problem
from aether.dataplane.switched import FarEnd


class Asker(Protocol):
    """The client connection, as an exchange uses it."""

    deadline: float

    @property
    def is_write_held(self) -> bool:
        """Whether the client is slower than what it is sent."""
        ...

    @property
    def wants_close(self) -> bool:
        """Whether the connection ends with this answer."""
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

    def finish(self, problem: Problem | None = None) -> None:
        """End the exchange: the answer is whole, or `problem` is."""
        ...

    def abort(self) -> None:
        """Close: the answer is cut short."""
        ...
