"""The control keys as the store process last told them: what level-triggered loops look at."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from sortedcontainers import SortedDict

from aether.core.store.commands import Change, Changes, Entry, Range
from aether.errors import Invalid
from aether.store.levels import Levels

LEFT_OUT = "app/"
"""Data of slices is not mirrored: it may be large, and no loop of the node looks at it."""
MOST_CHANGED = 4096
"""Changed keys that are remembered for the levels; one that is further behind is read anew.

To take so many into a level of 20,000 keys takes 5 ms, to read it anew 8.
"""


def is_mirrored(key: str) -> bool:
    """Return whether a key, or what lies under a prefix, can be in the mirror."""
    return not key.startswith(LEFT_OUT)


class Mirror:
    """All entries but those under `LEFT_OUT`, as of one revision that never goes back.

    It is the `Source` of its levels: what has not changed since the last look is not read again.
    """

    def __init__(self) -> None:
        self.revision = 0
        self.is_filled = False
        """Whether the keys were read once."""
        self.replaced = 0
        """How often all keys were read anew."""
        self._entries: SortedDict[str, Entry] = SortedDict()
        self._changed: deque[tuple[int, str]] = deque()
        """Revision and key of the latest changes, in order."""
        self._forgotten = 0
        """Of changes up to this revision not all are remembered."""
        self._levels = Levels(self)

    def fill(self, revision: int, entries: Iterable[Entry]) -> None:
        """Take the keys as they stand at `revision`, unless what is held is newer."""
        self.is_filled = True
        if revision < self.revision:
            return
        self._entries = SortedDict((entry.key, entry) for entry in entries)
        self.revision = self._forgotten = revision
        self.replaced += 1
        self._changed.clear()

    def change(self, changes: Changes) -> None:
        """Take what one transaction changed; one known already changes nothing."""
        if changes.revision <= self.revision:
            return
        for change in changes.changes:
            self._take(change)
            self._changed.append((changes.revision, change.key))
        while len(self._changed) > MOST_CHANGED:
            self._forgotten, _ = self._changed.popleft()
        self.revision = changes.revision

    def _take(self, change: Change) -> None:
        if change.entry is None:
            self._entries.pop(change.key, None)
        else:
            self._entries[change.key] = change.entry

    def reached(self, revision: int) -> None:
        """Know that nothing mirrored changed up to `revision`."""
        self.revision = max(self.revision, revision)

    def changed_since(self, revision: int) -> list[Change] | None:
        """Return each key changed after `revision` as it stands now; None when not all are remembered."""
        if revision < self._forgotten:
            return None
        return [Change(key, self._entries.get(key)) for key in self._keys_since(revision)]

    def _keys_since(self, revision: int) -> Iterator[str]:
        for changed_at, key in reversed(self._changed):
            if changed_at <= revision:
                return
            yield key

    def read(self, prefix: str) -> Iterator[Entry]:
        """Yield the entries under `prefix`, sorted by key."""
        for key in self._entries.irange(minimum=prefix):
            if not key.startswith(prefix):
                return
            yield self._entries[key]

    def level(self, prefixes: Sequence[str]) -> Range:
        """Return what is held under any of `prefixes`, the very same entries while nothing of it changes.

        Raises Invalid for what is not mirrored, and Invalid or TooLarge for a prefix that cannot be.
        """
        for prefix in prefixes:
            if prefix.startswith(LEFT_OUT) or LEFT_OUT.startswith(prefix):
                raise Invalid(
                    f"prefix {prefix!r} holds keys of slices ({LEFT_OUT}…), which are not mirrored: "
                    "use range"
                )
        return self._levels.look(prefixes)
