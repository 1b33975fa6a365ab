"""The chronicle's file: its tables, how it is opened, and what damage of it looks like.

Rules for this file: a change of the tables that yesterday's code could not read raises `FORMAT`;
a file of another format or of another cluster is set aside, never mended.
"""

import sqlite3
from pathlib import Path

FORMAT = 1
FILE = "chronicle.db"
ASIDE = "chronicle.db.aside"
"""The last file that could not be used; one is kept."""
BUSY_S = 5.0

_TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE segments (
    base INTEGER PRIMARY KEY, begun_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL,
    changes INTEGER NOT NULL, bytes INTEGER NOT NULL, base_bytes INTEGER NOT NULL
);
CREATE TABLE bases (
    id INTEGER PRIMARY KEY, base INTEGER NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL,
    created INTEGER NOT NULL, modified INTEGER NOT NULL, version INTEGER NOT NULL,
    lease INTEGER NOT NULL
);
CREATE UNIQUE INDEX bases_by_key ON bases (base, key);
CREATE TABLE commits (
    revision INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL, at_ms INTEGER NOT NULL,
    actor TEXT NOT NULL, rule TEXT NOT NULL, text TEXT NOT NULL, inputs BLOB NOT NULL,
    rejected BLOB NOT NULL
);
CREATE INDEX commits_by_time ON commits (time_ms);
CREATE TABLE changes (
    id INTEGER PRIMARY KEY, revision INTEGER NOT NULL, key TEXT NOT NULL, value BLOB,
    created INTEGER NOT NULL, version INTEGER NOT NULL, lease INTEGER NOT NULL
);
CREATE UNIQUE INDEX changes_by_key ON changes (key, revision);
CREATE INDEX changes_by_revision ON changes (revision);
CREATE TABLE subjects (
    subject TEXT NOT NULL, revision INTEGER NOT NULL, PRIMARY KEY (subject, revision)
) WITHOUT ROWID;
CREATE INDEX subjects_by_revision ON subjects (revision);
CREATE TABLE gaps (
    after INTEGER PRIMARY KEY, until INTEGER NOT NULL, from_ms INTEGER NOT NULL,
    time_ms INTEGER NOT NULL, why TEXT NOT NULL
);
"""

_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT})


class Unusable(Exception):
    """The file cannot be gone on with: damaged, of another format, or of another cluster."""


def is_damage(problem: sqlite3.Error) -> bool:
    """Whether an error says that the file itself is damaged, not that the moment was bad."""
    return (getattr(problem, "sqlite_errorcode", 0) & 0xFF) in _DAMAGE


def open_for_writing(folder: Path, cluster_id: str) -> sqlite3.Connection:
    """Open the file, making it when there is none; raises Unusable, sqlite3.Error, OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    connection = _connect(folder / FILE)
    try:
        _prepare(connection, cluster_id)
    except BaseException as problem:
        connection.close()
        if isinstance(problem, sqlite3.Error) and is_damage(problem):
            raise Unusable(f"it is damaged: {problem}") from problem
        raise
    return connection


def open_for_reading(folder: Path) -> sqlite3.Connection:
    """Open the file of a running writer; raises sqlite3.Error when there is none."""
    connection = _connect(folder / FILE)
    connection.execute("PRAGMA query_only=ON")
    return connection


def set_aside(folder: Path) -> Path:
    """Move the file out of the way and return where to; an earlier one set aside goes."""
    aside = folder / ASIDE
    for ending in ("-wal", "-shm"):
        (folder / f"{FILE}{ending}").unlink(missing_ok=True)
    if (folder / FILE).exists():
        (folder / FILE).replace(aside)
    return aside


def _connect(path: Path) -> sqlite3.Connection:
    # Transactions are begun and ended by name; a connection is used by one thread at a time.
    return sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)


def _prepare(connection: sqlite3.Connection, cluster_id: str) -> None:
    # After a crash of the machine the last transactions may be missing; they are read again from
    # the store, so waiting for the disk at each would buy nothing.
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "journal_size_limit=16777216"):
        connection.execute(f"PRAGMA {pragma}").fetchall()
    if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
        facts = (("format", str(FORMAT)), ("cluster", cluster_id), ("seen", "0"), ("seen_ms", "0"))
        connection.executescript(f"BEGIN;{_TABLES}COMMIT;")
        connection.executemany("INSERT INTO meta VALUES (?, ?)", facts)
        return
    (health,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if health != "ok":
        raise Unusable(f"it is damaged: {health}")
    try:
        meta = dict(connection.execute("SELECT name, value FROM meta").fetchall())
    except sqlite3.OperationalError as problem:
        raise Unusable(f"it is not a chronicle: {problem}") from problem
    for name, expected in (("format", str(FORMAT)), ("cluster", cluster_id)):
        if meta.get(name) != expected:
            raise Unusable(f"its {name} is {meta.get(name)}, not {expected}")
