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
        # A line may be logged by what garbage collection ends, in the very thread that holds it.
        self._lock = threading.RLock()
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
            for piece in reversed(batch):
                if len(self._pieces) == self._pieces.maxlen:
                    self.dropped += 1
                else:
                    self._pieces.appendleft(piece)

    def note_lost(self, count: int) -> None:
        """Note pieces that were lost before they came here."""
        with self._lock:
            self.dropped += count

    def give_up(self, batch: Sequence[_T]) -> None:
        """Note that a batch will not be sent."""
        with self._lock:
            self.dropped += len(batch)
