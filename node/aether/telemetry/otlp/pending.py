"""What waits to be sent: bounded, the oldest gives way, and what was given up is counted."""

import threading
from collections import deque
from collections.abc import Sequence
from typing import Generic, TypeVar

MOST_BATCH = 512
"""Most pieces sent in one message."""

_T = TypeVar("_T")


class Pending(Generic[_T]):
    """Pieces in the order they came; any thread may offer one."""

    def __init__(self, most: int) -> None:
        self._pieces: deque[_T] = deque(maxlen=most)
        self._lock = threading.Lock()
        self.dropped = 0
        """Pieces that were given up, for want of room or because no collector would take them."""

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._pieces)

    def offer(self, piece: _T) -> None:
        """Add a piece; when there is no room the oldest is given up."""
        with self._lock:
            self.dropped += len(self._pieces) == self._pieces.maxlen
            self._pieces.append(piece)

    def take(self) -> Sequence[_T]:
        """Return the oldest pieces, which wait no longer."""
        with self._lock:
            pieces = self._pieces
            return [pieces.popleft() for _ in range(min(len(pieces), MOST_BATCH))]

    def put_back(self, batch: Sequence[_T]) -> None:
        """Have a batch wait again, before what came since; where there is no room its oldest are given up."""
        with self._lock:
            room = (self._pieces.maxlen or 0) - len(self._pieces)
            lost = max(len(batch) - room, 0)
            self.dropped += lost
            self._pieces.extendleft(reversed(batch[lost:]))

    def give_up(self, batch: Sequence[_T]) -> None:
        """Note that a batch will not be sent."""
        with self._lock:
            self.dropped += len(batch)
