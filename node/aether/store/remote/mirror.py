"""The control keys as the store process last told them: what level-triggered loops look at."""

from collections.abc import Iterable, Sequence

from sortedcontainers import SortedDict

from aether.core.store.commands import Change, Changes, Entry, Range
from aether.errors import Invalid

LEFT_OUT = "app/"
"""Data of slices is not mirrored: it may be large, and no loop of the node looks at it."""


def is_mirrored(key: str) -> bool:
    """Return whether a key, or what lies under a prefix, can be in the mirror."""
    return not key.startswith(LEFT_OUT)


class Mirror:
    """All entries but those under `LEFT_OUT`, as of one revision that never goes back."""

    def __init__(self) -> None:
        self.revision = 0
        self.is_filled = False
        """Whether the keys were read once."""
        self._entries: SortedDict[str, Entry] = SortedDict()

    def fill(self, revision: int, entries: Iterable[Entry]) -> None:
        """Take the keys as they stand at `revision`, unless what is held is newer."""
        self.is_filled = True
        if revision < self.revision:
            return
        self._entries = SortedDict((entry.key, entry) for entry in entries)
        self.revision = revision

    def change(self, changes: Changes) -> None:
        """Take what one transaction changed; one known already changes nothing."""
        if changes.revision <= self.revision:
            return
        for change in changes.changes:
            self._take(change)
        self.revision = changes.revision

    def _take(self, change: Change) -> None:
        if change.entry is None:
            self._entries.pop(change.key, None)
        else:
            self._entries[change.key] = change.entry

    def reached(self, revision: int) -> None:
        """Know that nothing mirrored changed up to `revision`."""
        self.revision = max(self.revision, revision)

    def level(self, prefixes: Sequence[str]) -> Range:
        """Return what is held under any of `prefixes`; raises Invalid for what is not mirrored."""
        found: dict[str, Entry] = {}
        for prefix in prefixes:
            if prefix.startswith(LEFT_OUT) or LEFT_OUT.startswith(prefix):
                raise Invalid(
                    f"prefix {prefix!r} holds keys of slices ({LEFT_OUT}…), which are not mirrored: "
                    "use range"
                )
            for key in self._entries.irange(minimum=prefix):
                if not key.startswith(prefix):
                    break
                found[key] = self._entries[key]
        return Range(self.revision, tuple(found[key] for key in sorted(found)))
