"""Reads the chronicle: the keys at a revision, transactions by subject or key, moments."""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from aether.chronicle.records import Found, Gap, NotRecorded, Query, Reach, Recorded
from aether.core.model.reason import Reason
from aether.core.store.commands import Change, Entry, Range
from aether.errors import Unavailable

READ_S = 5.0
"""Longest time one read may take."""
_STEPS = 20_000
"""Steps of the database between two looks at the clock: about a millisecond."""
MAX_GAPS = 100
"""Most gaps told at once, the latest of them."""

_Row = tuple[Any, ...]
"""What the columns hold is said by the tables."""
_texts = msgspec.json.Decoder(dict[str, str])


class Reader:
    """One who reads an open file; for one thread. Every call may raise sqlite3.Error."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._deadline = 0.0
        connection.set_progress_handler(self._is_late, _STEPS)

    def _is_late(self) -> int:
        return int(time.monotonic() > self._deadline)

    def begin(self, within_s: float = READ_S) -> None:
        """Look at one state of the file from now on, for at most so long."""
        self._deadline = time.monotonic() + within_s
        self._db.execute("BEGIN")

    def end(self) -> None:
        """Let go of that state."""
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def close(self) -> None:
        """Give the file back."""
        self._db.close()

    def reach(self) -> Reach:
        """Tell how far the chronicle tells; raises Unavailable when it has not begun."""
        first, since_ms, changes = self._db.execute(
            "SELECT min(base), min(begun_ms), sum(changes) FROM segments"
        ).fetchone()
        if first is None:
            raise Unavailable("the chronicle of this node has not begun yet: the store is not read")
        last = self._db.execute(
            "SELECT max((SELECT max(base) FROM segments),"
            " coalesce((SELECT max(revision) FROM commits), 0))"
        ).fetchone()[0]
        (seen,) = self._db.execute("SELECT value FROM meta WHERE name = 'seen'").fetchone()
        pages, free, size = (
            self._db.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        return Reach(
            first=first,
            since_ms=since_ms,
            last=last,
            seen=int(seen),
            changes=changes,
            bytes=(pages - free) * size,
            gaps=self._gaps(0, 2**62),
        )

    def _gaps(self, after: int, until: int) -> tuple[Gap, ...]:
        rows = self._db.execute(
            "SELECT after, until, from_ms, time_ms, why FROM gaps WHERE until > ? AND after < ? "
            "ORDER BY after DESC LIMIT ?",
            (after, until, MAX_GAPS),
        )
        return tuple(
            Gap(after=after, until=until, from_ms=from_ms, time_ms=time_ms, why=why)
            for after, until, from_ms, time_ms, why in rows
        )

    def at(self, revision: int, prefixes: Sequence[str] = ("",)) -> Range:
        """Return the keys under any of `prefixes` as they stood at `revision`.

        Raises NotRecorded when that is before the first base, in a gap or not seen yet.
        """
        base = self._base_of(revision)
        found: dict[str, Entry] = {}
        for prefix in prefixes:
            found.update((entry.key, entry) for entry in self._stood(base, revision, prefix))
        return Range(revision, tuple(found[key] for key in sorted(found)))

    def _base_of(self, revision: int) -> int:
        reach = self.reach()
        if revision > reach.seen:
            raise NotRecorded(
                f"revision {revision} is not recorded yet: the chronicle of this node has reached "
                f"{reach.seen}",
                fields={"seen": reach.seen},
            )
        if revision < reach.first:
            raise NotRecorded(
                f"revision {revision} is not recorded: the chronicle of this node reaches back to "
                f"revision {reach.first}; another node's may reach further",
                fields={"first": reach.first},
            )
        row = self._db.execute(
            "SELECT after, until, why FROM gaps WHERE after < ? AND until > ?", (revision, revision)
        ).fetchone()
        if row is not None:
            raise _in_gap(f"revision {revision}", *row)
        (base,) = self._db.execute(
            "SELECT max(base) FROM segments WHERE base <= ?", (revision,)
        ).fetchone()
        return int(base)

    def _stood(self, base: int, revision: int, prefix: str) -> Iterator[Entry]:
        where = (prefix, len(prefix), prefix)
        changed = self._db.execute(
            "SELECT key, value, created, max(revision), version, lease FROM changes "
            "WHERE key >= ? AND substr(key, 1, ?) = ? AND revision > ? AND revision <= ? "
            "GROUP BY key",
            (*where, base, revision),
        ).fetchall()
        later = {row[0] for row in changed}
        for row in self._db.execute(
            "SELECT key, value, created, modified, version, lease FROM bases "
            "WHERE base = ? AND key >= ? AND substr(key, 1, ?) = ?",
            (base, *where),
        ):
            if row[0] not in later:
                yield _entry(row)
        yield from (_entry(row) for row in changed if row[1] is not None)

    def revision_at(self, time_ms: int) -> int:
        """Return the last revision that is not later than a moment.

        Raises NotRecorded for a moment before the chronicle begins, or in a gap.
        """
        reach = self.reach()
        if time_ms < reach.since_ms:
            raise NotRecorded(
                f"the chronicle of this node begins at {_written(reach.since_ms)}, which is later; "
                "another node's may reach further",
                fields={"since_ms": reach.since_ms},
            )
        gap = self._db.execute(
            "SELECT after, until, why FROM gaps WHERE from_ms < ?1 AND time_ms > ?1", (time_ms,)
        ).fetchone()
        if gap is not None:
            raise _in_gap("that moment", *gap)
        (found,) = self._db.execute(
            "SELECT max(coalesce((SELECT max(revision) FROM commits WHERE time_ms <= ?1), 0),"
            " coalesce((SELECT max(base) FROM segments WHERE begun_ms <= ?1), 0))",
            (time_ms,),
        ).fetchone()
        return int(found)

    def find(self, query: Query) -> Found:
        """Return the transactions asked for and the gaps between them."""
        condition, values = _condition(query)
        order = "ASC" if query.oldest_first else "DESC"
        rows = self._db.execute(
            f"SELECT revision, time_ms, at_ms, actor, rule, text, inputs, rejected FROM commits "  # noqa: S608 - the condition is ours, its values are bound
            f"WHERE {condition} ORDER BY revision {order} LIMIT ?",
            (*values, query.limit + 1),
        ).fetchall()
        shown, more = rows[: query.limit], len(rows) > query.limit
        after, until = query.after, query.until
        if more and query.oldest_first:
            until = shown[-1][0]
        elif more:
            after = shown[-1][0]
        return Found(
            recorded=tuple(self._recorded(row) for row in shown),
            gaps=self._gaps(after, until),
            more=more,
        )

    def _recorded(self, row: _Row) -> Recorded:
        revision, time_ms, at_ms, actor, rule, text, inputs, rejected = row
        changes = tuple(
            Change(key, None if value is None else _entry((key, value, created, revision, *rest)))
            for key, value, created, *rest in self._db.execute(
                "SELECT key, value, created, version, lease FROM changes "
                "WHERE revision = ? ORDER BY id",
                (revision,),
            )
        )
        return Recorded(
            revision=revision,
            time_ms=time_ms,
            reason=Reason(
                *(actor, rule, text, _texts.decode(inputs), _texts.decode(rejected), at_ms)
            ),
            changes=changes,
        )


def _in_gap(what: str, after: int, until: int, why: str) -> NotRecorded:
    return NotRecorded(
        f"{what} is not recorded: the chronicle of this node has a gap after revision {after} and "
        f"before {until} ({why})",
        fields={"after": after, "until": until},
    )


def _entry(row: _Row) -> Entry:
    """Build an entry of `(key, value, created, modified, version, lease)`."""
    return Entry(*row)


def _written(time_ms: int) -> str:
    """Write a moment as RFC 3339 in UTC."""
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="seconds")[:-6] + "Z"


def _condition(query: Query) -> tuple[str, list[object]]:
    """Return the WHERE of a query and its values."""
    parts: list[str] = ["revision > ? AND revision <= ?"]
    bound: list[object] = [query.after, query.until]
    if query.subjects:
        marks = ", ".join("?" * len(query.subjects))
        parts.append(f"revision IN (SELECT revision FROM subjects WHERE subject IN ({marks}))")  # noqa: S608 - question marks
        bound += query.subjects
    if query.prefix:
        parts.append(
            "EXISTS (SELECT 1 FROM changes WHERE changes.revision = commits.revision"
            " AND substr(changes.key, 1, ?) = ?)"
        )
        bound += [len(query.prefix), query.prefix]
    return " AND ".join(parts), bound
