"""What lately changed, for watchers that resume: bounded by count and by bytes."""

from collections import deque
from collections.abc import Iterator

from aether.core.store.commands import Changes

MAX_BATCHES = 4096
MAX_BYTES = 32 * 1024 * 1024


class History:
    """The latest changes in order, without gaps, after `compacted`."""

    def __init__(self, compacted: int = 0) -> None:
        self.compacted = compacted
        """Changes up to this revision are gone."""
        self._batches: deque[tuple[Changes, int]] = deque()
        self._bytes = 0

    def add(self, changes: Changes) -> None:
        """Keep `changes`; the oldest go when there are too many."""
        size = sum(
            len(change.key) + (len(change.entry.value) if change.entry else 0)
            for change in changes.changes
        )
        self._batches.append((changes, size))
        self._bytes += size
        while len(self._batches) > MAX_BATCHES or self._bytes > MAX_BYTES:
            oldest, dropped = self._batches.popleft()
            self._bytes -= dropped
            self.compacted = oldest.revision

    def after(self, revision: int) -> Iterator[Changes]:
        """Walk the changes after `revision`; those up to `compacted` are gone."""
        return (changes for changes, _ in self._batches if changes.revision > revision)


def under_prefix(changes: Changes, prefix: str) -> Changes | None:
    """Return the part of `changes` under `prefix`, or None when nothing is."""
    if not prefix:
        return changes
    mine = tuple(change for change in changes.changes if change.key.startswith(prefix))
    if not mine:
        return None
    if len(mine) == len(changes.changes):
        return changes
    return Changes(changes.revision, changes.reason, mine)
