"""Small writes of one turn of the event loop, made together at its end.

Whoever waits at the other end of a socket is woken by what is written to it, and waking a process
that has gone to sleep costs more than the write itself. Writes that follow each other at once find
it awake: it takes one while the next is made. What is read in one turn of the loop is therefore
passed on in one go, first what goes to instances, so that they work while clients are served.

Rules for this file. Order holds for each transport: all its writes come by here, and whoever closes
one flushes first. Nothing waits beyond the turn of the loop, and only so much waits at all: whoever
writes without end must be told in time that a transport takes no more. Data is `bytes`, which nobody can
change while it waits.
"""

from collections import deque
from collections.abc import Callable
from typing import Protocol

import structlog

MOST_BYTES = 256 * 1024
"""When more than this waits, it is written at once: a transport that takes no more must say so in time."""

log = structlog.get_logger()

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

    def abort(self) -> None:
        """Close at once."""
        ...


def at_once(flush: Flush) -> None:
    """Call back now: every write is a batch of its own."""
    flush()


class WriteBatch:
    """Collects the writes of all connections of one process; `later` says when a turn is over."""

    __slots__ = ("_bytes", "_later", "_to_clients", "_to_instances")

    def __init__(self, later: Later = at_once) -> None:
        self._later = later
        self._bytes = 0
        self._to_instances: deque[tuple[Wire, bytes]] = deque()
        self._to_clients: deque[tuple[Wire, bytes]] = deque()

    def to_instance(self, transport: Wire, data: bytes) -> None:
        """Write to an instance or to another router; nothing is written to what is closing."""
        before = self._bytes
        self._bytes = total = before + len(data)
        self._to_instances.append((transport, data))
        if not before or total > MOST_BYTES:
            self._end_turn(total)

    def to_client(self, transport: Wire, data: bytes) -> None:
        """Write to a client; nothing is written to what is closing."""
        before = self._bytes
        self._bytes = total = before + len(data)
        self._to_clients.append((transport, data))
        if not before or total > MOST_BYTES:
            self._end_turn(total)

    def _end_turn(self, total: int) -> None:
        """Have all be written soon, or at once when much waits."""
        if total > MOST_BYTES:
            self.flush()
        else:
            self._later(self.flush)

    def flush(self) -> None:
        """Write all that waits, in the order it came in for each transport. Raises nothing."""
        self._bytes = 0
        for queue in (self._to_instances, self._to_clients):
            while queue:
                transport, data = queue.popleft()
                if not transport.is_closing():
                    try:
                        transport.write(data)
                    except Exception:
                        log.exception("a connection is cut off: writing to it failed")
                        transport.abort()
