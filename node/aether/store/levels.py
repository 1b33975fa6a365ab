"""The present entries under some prefixes, kept from look to look: only what changed is read again.

The loops of a node look at the same prefixes several times a second, and little changes in between.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from aether.core.store.commands import Change, Entry, Range
from aether.core.store.limits import prefix_problem
from aether.core.store.machine import KvMachine
from aether.store.submitter import refuse

MOST_LEVELS = 16
"""Sets of prefixes that are kept; the one that was not looked at for longest goes first."""
MOST_BEHIND = 256
"""Revisions a level may be behind before it is cheaper to read it anew."""


class Levels:
    """Levels of one machine, by the prefixes that are asked for."""

    def __init__(self, machine: KvMachine) -> None:
        self._machine = machine
        self._levels: dict[tuple[str, ...], _Level] = {}

    def __len__(self) -> int:
        return len(self._levels)

    def look(self, prefixes: Sequence[str]) -> Range:
        """Return all under any of `prefixes`, sorted by key; raises Invalid or TooLarge for a bad one.

        While nothing changes below them, the entries are the very tuple returned before.
        """
        wanted = tuple(prefixes)
        level = self._levels.pop(wanted, None)
        if level is None:
            level = _Level(wanted)
            if len(self._levels) >= MOST_LEVELS:
                del self._levels[next(iter(self._levels))]
        self._levels[wanted] = level
        return level.look(self._machine)


class _Level:
    def __init__(self, prefixes: tuple[str, ...]) -> None:
        self._prefixes = _disjoint(prefixes)
        self._replaced = -1
        self._keys: list[str] = []
        self._entries: list[Entry] = []
        self._range = Range(0, ())

    def look(self, machine: KvMachine) -> Range:
        """Return the entries as the machine has them now."""
        before, revision = self._range, machine.revision
        if self._replaced == machine.replaced and revision == before.revision:
            return before
        entries = before.entries
        changes = self._changes(machine)
        if changes is None:
            self._read(machine)
            entries = tuple(self._entries)
        elif changes:
            for change in changes:
                self._take(change)
            entries = tuple(self._entries)
        self._range = Range(revision, entries)
        return self._range

    def _changes(self, machine: KvMachine) -> list[Change] | None:
        """Return what changed under the prefixes since the last look, or None to read all anew."""
        since = self._range.revision
        if self._replaced != machine.replaced or machine.revision - since > MOST_BEHIND:
            return None
        batches = machine.changes_after(since)
        if batches is None:
            return None
        prefixes = self._prefixes
        return [
            change
            for batch in batches
            for change in batch.changes
            if change.key.startswith(prefixes)
        ]

    def _read(self, machine: KvMachine) -> None:
        self._replaced = machine.replaced
        self._entries = [
            entry for prefix in self._prefixes for entry in machine.range(prefix).entries
        ]
        self._keys = [entry.key for entry in self._entries]

    def _take(self, change: Change) -> None:
        key, entry = change.key, change.entry
        place = bisect_left(self._keys, key)
        known = place < len(self._keys) and self._keys[place] == key
        if entry is None:
            if known:
                del self._keys[place], self._entries[place]
        elif known:
            self._entries[place] = entry
        else:
            self._keys.insert(place, key)
            self._entries.insert(place, entry)


def _disjoint(prefixes: tuple[str, ...]) -> tuple[str, ...]:
    """Return the prefixes in order without those another one covers: what they hold is sorted then."""
    for prefix in prefixes:
        refuse(prefix_problem(prefix))
    return tuple(_uncovered(sorted(prefixes)))


def _uncovered(ordered: list[str]) -> Iterator[str]:
    last: str | None = None
    for prefix in ordered:
        if last is None or not prefix.startswith(last):
            last = prefix
            yield prefix
