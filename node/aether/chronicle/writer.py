"""Writes the chronicle: a chain of segments, each a base and the changes after it.

Whoever knows a base and all changes after it knows the cluster at any later revision. The oldest
segment goes as a whole, so that what stays always begins with a base.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import msgspec

from aether.chronicle.records import Bounds
from aether.core.model.keys import is_system
from aether.core.model.subjects import VALUED, subjects_of
from aether.core.store.commands import Change, Changes, Entry, Range

ENTRY_BYTES = 100
"""What an entry takes beside its key and value, about."""
_LAST_MS = 2**53
"""A member with a mad clock must not write numbers that the file cannot hold."""
_json = msgspec.json.Encoder(order="deterministic")


class Writer:
    """The one who writes to an open file; for one thread. Every call may raise sqlite3.Error."""

    def __init__(self, connection: sqlite3.Connection, bounds: Bounds) -> None:
        self._db = connection
        self._bounds = bounds
        self.seen = int(self._fact("seen"))
        """Revision up to which everything was recorded."""
        latest = connection.execute("SELECT max(time_ms) FROM commits").fetchone()[0]
        self._time_ms = max(latest or 0, self._segment().last_ms if self.has_base else 0)

    @property
    def has_base(self) -> bool:
        """Whether there is anything to go on from."""
        return self._db.execute("SELECT 1 FROM segments LIMIT 1").fetchone() is not None

    def begin(self, level: Range, now_ms: int, why: str) -> None:
        """Begin with all keys as they stand; what changed since `seen` is a gap, told as `why`."""
        with self._transaction():
            self._time_ms = max(self._time_ms, now_ms)
            if self.has_base and level.revision > self.seen:
                seen_ms = int(self._fact("seen_ms"))
                gap = (self.seen, level.revision, seen_ms, self._time_ms, why)
                self._db.execute("INSERT OR REPLACE INTO gaps VALUES (?, ?, ?, ?, ?)", gap)
            entries = (entry for entry in level.entries if is_system(entry.key))
            self._add_segment(level.revision, entries)
            self._see(level.revision, now_ms)
            self._trim()

    def record(self, batches: Iterable[Changes], now_ms: int) -> None:
        """Add what was changed; what is recorded already is passed over."""
        with self._transaction():
            seen = self.seen
            for batch in batches:
                mine = tuple(change for change in batch.changes if is_system(change.key))
                if batch.revision > seen and mine:
                    self._add(Changes(batch.revision, batch.reason, mine), now_ms)
                seen = max(seen, batch.revision)
            self._see(seen, now_ms)
            self._roll()
            self._trim()

    def close(self) -> None:
        """Give the file back."""
        self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All of it or nothing, in memory as on disk."""
        before = self.seen, self._time_ms
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            self.seen, self._time_ms = before
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def _see(self, revision: int, now_ms: int) -> None:
        self.seen = max(self.seen, revision)
        facts = ((str(self.seen), "seen"), (str(max(now_ms, self._time_ms)), "seen_ms"))
        self._db.executemany("UPDATE meta SET value = ? WHERE name = ?", facts)

    def _fact(self, name: str) -> str:
        (value,) = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return str(value)

    # -- one transaction of the store --------------------------------------------------------------

    def _add(self, batch: Changes, now_ms: int) -> None:
        reason, revision = batch.reason, batch.revision
        # A clock that runs ahead must not make later moments unreachable, nor time go back.
        at_ms = min(max(reason.at_ms, 0), _LAST_MS)
        said_ms = min(at_ms, now_ms) if at_ms else now_ms
        self._time_ms = max(self._time_ms, said_ms)
        inputs, rejected = _json.encode(reason.inputs), _json.encode(reason.rejected)
        self._db.execute(
            "INSERT INTO commits VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(revision, self._time_ms, at_ms),
                *(reason.actor, reason.rule, reason.text, inputs, rejected),
            ),
        )
        subjects = sorted({name for change in batch.changes for name in self._about(change)})
        self._db.executemany(
            "INSERT INTO changes (revision, key, value, created, version, lease) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            [_row(revision, change) for change in batch.changes],
        )
        self._db.executemany(
            "INSERT INTO subjects VALUES (?, ?)", [(name, revision) for name in subjects]
        )
        size = len(inputs) + len(rejected) + sum(_size(change) for change in batch.changes)
        self._db.execute(
            "UPDATE segments SET changes = changes + ?, bytes = bytes + ?, last_ms = ? "
            "WHERE base = (SELECT max(base) FROM segments)",
            (len(batch.changes), size, self._time_ms),
        )

    def _about(self, change: Change) -> frozenset[str]:
        if not change.key.startswith(VALUED):
            return subjects_of(change.key)
        values = [] if change.entry is None else [change.entry.value]
        before = self._value_of(change.key)
        return subjects_of(change.key, values if before is None else [before, *values])

    def _value_of(self, key: str) -> bytes | None:
        """Return what stands under a key by what was recorded."""
        base = self._segment().base
        row = self._db.execute(
            "SELECT value FROM changes WHERE key = ? AND revision > ? "
            "ORDER BY revision DESC LIMIT 1",
            (key, base),
        ).fetchone()
        if row is None:
            row = self._db.execute(
                "SELECT value FROM bases WHERE base = ? AND key = ?", (base, key)
            ).fetchone()
        return row[0] if row is not None else None

    # -- segments ----------------------------------------------------------------------------------

    def _segment(self) -> "_Segment":
        row = self._db.execute(
            "SELECT base, begun_ms, last_ms, changes, bytes, base_bytes FROM segments "
            "ORDER BY base DESC LIMIT 1"
        ).fetchone()
        return _Segment(*row)

    def _add_segment(self, revision: int, entries: Iterable[Entry]) -> None:
        # A base at the same revision replaces one that nothing was added to.
        self._db.execute("DELETE FROM bases WHERE base = ?", (revision,))
        self._db.executemany(
            "INSERT INTO bases (base, key, value, created, modified, version, lease) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                (revision, e.key, e.value, e.create_revision, e.mod_revision, e.version, e.lease)
                for e in entries
            ),
        )
        self._note_segment(revision)

    def _note_segment(self, revision: int) -> None:
        (size,) = self._db.execute(
            "SELECT coalesce(sum(length(key) + length(value) + ?), 0) FROM bases WHERE base = ?",
            (ENTRY_BYTES, revision),
        ).fetchone()
        self._db.execute(
            "INSERT OR REPLACE INTO segments VALUES (?, ?, ?, 0, 0, ?)",
            (revision, self._time_ms, self._time_ms, size),
        )

    def _roll(self) -> None:
        """Begin a new segment when the present one is long, large or old enough."""
        if not self.has_base:
            return
        now, bounds = self._segment(), self._bounds
        is_long = now.changes * Bounds.SEGMENTS >= bounds.max_changes
        is_large = now.bytes >= max(bounds.max_bytes // Bounds.SEGMENTS, now.base_bytes)
        lasted_ms = self._time_ms - now.begun_ms
        is_old = lasted_ms * Bounds.SEGMENTS >= bounds.max_age_s * 1000
        if now.changes and (is_long or is_large or is_old):
            self._copy_segment(now.base)

    def _copy_segment(self, base: int) -> None:
        """Make a base of the present one and all changes after it."""
        revision = self._db.execute("SELECT max(revision) FROM commits").fetchone()[0]
        self._db.execute(
            "INSERT INTO bases (base, key, value, created, modified, version, lease) "
            "SELECT ?, key, value, created, revision, version, lease FROM ("
            " SELECT key, value, created, max(revision) AS revision, version, lease FROM changes"
            " WHERE revision > ? GROUP BY key) WHERE value IS NOT NULL",
            (revision, base),
        )
        self._db.execute(
            "INSERT INTO bases (base, key, value, created, modified, version, lease) "
            "SELECT ?, key, value, created, modified, version, lease FROM bases AS old "
            "WHERE base = ? AND NOT EXISTS "
            "(SELECT 1 FROM changes WHERE key = old.key AND revision > ?)",
            (revision, base, base),
        )
        self._note_segment(revision)

    def _trim(self) -> None:
        """Let the oldest segments go until the bounds hold; the last one stays."""
        while self._is_too_much():
            bases = [
                row[0]
                for row in self._db.execute("SELECT base FROM segments ORDER BY base LIMIT 2")
            ]
            if len(bases) < 2:
                return
            self._drop_segment(bases[0], bases[1])

    def _is_too_much(self) -> bool:
        bounds = self._bounds
        changes, oldest_ms = self._db.execute(
            "SELECT sum(changes), min(last_ms) FROM segments"
        ).fetchone()
        if oldest_ms is None:
            return False
        too_old = self._time_ms - oldest_ms > bounds.max_age_s * 1000
        return too_old or changes > bounds.max_changes or self.used_bytes() > bounds.max_bytes

    def used_bytes(self) -> int:
        """Return the size of the pages in use."""
        numbers = [
            self._db.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        ]
        return int((numbers[0] - numbers[1]) * numbers[2])

    def _drop_segment(self, base: int, following: int) -> None:
        self._db.execute("DELETE FROM bases WHERE base = ?", (base,))
        for table in ("changes", "subjects", "commits"):
            self._db.execute(f"DELETE FROM {table} WHERE revision <= ?", (following,))  # noqa: S608 - names of our own
        self._db.execute("DELETE FROM gaps WHERE until <= ?", (following,))
        self._db.execute("DELETE FROM segments WHERE base = ?", (base,))


class _Segment(msgspec.Struct, frozen=True):
    base: int
    begun_ms: int
    last_ms: int
    changes: int
    bytes: int
    base_bytes: int


def _row(revision: int, change: Change) -> Sequence[object]:
    entry = change.entry
    if entry is None:
        return (revision, change.key, None, 0, 0, 0)
    return (revision, change.key, entry.value, entry.create_revision, entry.version, entry.lease)


def _size(change: Change) -> int:
    value = len(change.entry.value) if change.entry is not None else 0
    return ENTRY_BYTES + len(change.key) + value
