"""Small writes of one turn of the event loop, made together at its end.

Whoever waits at the other end of a socket is woken by what is written to it, and waking a process
that has gone to sleep costs more than the write itself. Writes that follow each other at once find
it awake: it takes one while the next is made. What is read in one turn of the loop is therefore
passed on in one go, first what goes to instances, so that they work while clients are served.

Rules for this file. Order holds for each transport: all its writes come by here, and whoever closes
one flushes first. Nothing waits beyond the turn of the loop, and nothing large waits at all: a
transport that takes no more must say so while its data still comes.
"""

from collections import deque
from collections.abc import Callable
from typing import Protocol

MOST_BYTES = 16 * 1024
"""A longer piece is written at once."""

Flush = Callable[[], None]
Later = Callable[[Flush], object]
"""Calls back soon, in the order of asking: `call_soon` of an event loop."""


class Wire(Protocol):
    """As much of a transport as is needed here."""

    def is_closing(self) -> bool:
        """Whether nothing more is sent."""
        ...

    def write(self, data: bytes) -> None:
        """Send."""
        ...


def at_once(flush: Flush) -> None:
    """Call back now: every write is a batch of its own."""
    flush()


class WriteBatch:
    """Collects the writes of all connections of one router; `later` says when a turn is over."""

    __slots__ = ("_later", "_to_clients", "_to_instances")

    def __init__(self, later: Later = at_once) -> None:
        self._later = later
        self._to_instances: deque[tuple[Wire, bytes]] = deque()
        self._to_clients: deque[tuple[Wire, bytes]] = deque()

    def to_instance(self, transport: Wire, data: bytes) -> None:
        """Write to an instance or to another router; nothing is written to what is closing."""
        is_first = not (self._to_instances or self._to_clients)
        self._to_instances.append((transport, data))
        if is_first or len(data) > MOST_BYTES:
            self._end_turn(data)

    def to_client(self, transport: Wire, data: bytes) -> None:
        """Write to a client; nothing is written to what is closing."""
        is_first = not (self._to_instances or self._to_clients)
        self._to_clients.append((transport, data))
        if is_first or len(data) > MOST_BYTES:
            self._end_turn(data)

    def _end_turn(self, data: bytes) -> None:
        """Have all be written soon, or at once when the last piece is a large one."""
        if len(data) > MOST_BYTES:
            self.flush()
        else:
            self._later(self.flush)

    def flush(self) -> None:
        """Write all that waits, in the order it came in for each transport."""
        try:
            for queue in (self._to_instances, self._to_clients):
                while queue:
                    transport, data = queue.popleft()
                    if not transport.is_closing():
                        transport.write(data)
        finally:
            if self._to_instances or self._to_clients:  # a write failed: the others are not lost
                self._later(self.flush)
