"""The present entries under some prefixes, kept from look to look: only what changed is read again.

The loops of a node look at the same prefixes several times a second, and little changes in between.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from aether.core.store.commands import Change, Entry, Range
from aether.core.store.limits import prefix_problem
from aether.core.store.machine import KvMachine
from aether.store.submitter import refuse

MOST_LEVELS = 16
"""Sets of prefixes that are kept; the one that was not looked at for longest goes first."""
MOST_BEHIND = 256
"""Revisions of a machine a level may be behind before it is cheaper to read it anew."""


class Source(Protocol):
    """Sorted keys as of one revision that are changed, or replaced as a whole."""

    @property
    def revision(self) -> int:
        """Revision the keys are of."""

    @property
    def replaced(self) -> int:
        """How often all keys were replaced: no change tells what came of that."""

    def changed_since(self, revision: int) -> Iterable[Change] | None:
        """Return changes that lead from `revision` to the present, or None when all is to be read anew."""

    def read(self, prefix: str) -> Iterable[Entry]:
        """Return the entries under `prefix`, sorted by key."""


class MachineSource:
    """The keys of a machine; its history tells what changed."""

    def __init__(self, machine: KvMachine) -> None:
        self._machine = machine

    @property
    def revision(self) -> int:
        """Revision of the machine."""
        return self._machine.revision

    @property
    def replaced(self) -> int:
        """How often a snapshot replaced the state."""
        return self._machine.replaced

    def changed_since(self, revision: int) -> Iterable[Change] | None:
        """Return the changes after `revision`; None when they are many or gone."""
        if self._machine.revision - revision > MOST_BEHIND:
            return None
        batches = self._machine.changes_after(revision)
        return None if batches is None else (one for batch in batches for one in batch.changes)

    def read(self, prefix: str) -> Iterable[Entry]:
        """Return the entries under `prefix`."""
        return self._machine.range(prefix).entries


class Levels:
    """Levels of one source, by the prefixes that are asked for."""

    def __init__(self, source: Source) -> None:
        self._source = source
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
        return level.look(self._source)


class _Level:
    def __init__(self, prefixes: tuple[str, ...]) -> None:
        self._prefixes = _disjoint(prefixes)
        self._replaced = -1
        self._keys: list[str] = []
        self._entries: list[Entry] = []
        self._range = Range(0, ())

    def look(self, source: Source) -> Range:
        """Return the entries as the source has them now."""
        before, revision = self._range, source.revision
        if self._replaced == source.replaced and revision == before.revision:
            return before
        entries = before.entries
        changes = self._changes(source)
        if changes is None:
            self._read(source)
            found = tuple(self._entries)
            entries = entries if found == entries else found  # most often nothing of it changed
        elif changes:
            for change in changes:
                self._take(change)
            entries = tuple(self._entries)
        self._range = Range(revision, entries)
        return self._range

    def _changes(self, source: Source) -> list[Change] | None:
        """Return what changed under the prefixes since the last look, or None to read all anew."""
        if self._replaced != source.replaced:
            return None
        changes = source.changed_since(self._range.revision)
        if changes is None:
            return None
        prefixes = self._prefixes
        return [change for change in changes if change.key.startswith(prefixes)]

    def _read(self, source: Source) -> None:
        self._entries = [entry for prefix in self._prefixes for entry in source.read(prefix)]
        self._keys = [entry.key for entry in self._entries]
        self._replaced = source.replaced  # last: what could not be read does not count as read

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
