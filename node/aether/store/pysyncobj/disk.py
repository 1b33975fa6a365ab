"""Journal and dump of one member on disk: made durable, and mended after a crash.

```
store/journal            PySyncObj's log            store/journal.meta   its term and vote
store/journal.before     the log as it was before a compaction that has not ended
store/dump               entries and state the log begins after
store/lock               held while the member runs
```

PySyncObj never fsyncs and rewrites its journal in place. Here it is synced before anything that
was promised of it leaves the process, and copied before it is rewritten.
"""

import fcntl
import hashlib
import os
import shutil
import struct
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import msgspec
from pysyncobj.journal import FileJournal

from aether.errors import ConfigInvalid, Unavailable
from aether.store.pysyncobj.commands import from_local, to_local
from aether.store.pysyncobj.members import Voter
from aether.store.pysyncobj.messages import LogEntry

LocalEntry = tuple[bytes, int, int]
"""An entry as PySyncObj keeps it: command, index, term."""

DumpPoint = tuple[LocalEntry, LocalEntry, set[Voter]]
"""Where in the log a dump stands: its last entry, the one before, and the voters then."""

_MAGIC = b"AEDUMP\x01"
_DIGEST_BYTES = 32


class Dump(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """State of the machine after `last`, and what PySyncObj needs to go on from there."""

    last: LogEntry
    before: LogEntry
    voters: tuple[str, ...]
    state: bytes | tuple[bytes, ...]
    """Parts of the machine's snapshot; dumps of the first version hold one part, bare."""
    time_ms: int = 0
    """Cluster time as this member counted it."""

    @property
    def parts(self) -> tuple[bytes, ...]:
        """The parts of the machine's snapshot."""
        return (self.state,) if isinstance(self.state, bytes) else self.state


_decoder = msgspec.msgpack.Decoder(Dump)


class StoreDisk:
    """The files of one member below `directory`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.journal = directory / "journal"
        self.dump = directory / "dump"
        self._meta = directory / "journal.meta"
        self._before = directory / "journal.before"
        self._lock: IO[bytes] | None = None

    def open(self) -> None:
        """Take the directory and bring journal and dump in line with each other.

        Raises Unavailable when another process has it, ConfigInvalid when its files are damaged.
        """
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = (self.directory / "lock").open("ab")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as held:
            self.close()
            raise Unavailable(
                f"{self.directory} is in use by another process; stop it first"
            ) from held
        try:
            self._mend()
        except (ValueError, OSError) as damage:
            self.close()
            raise ConfigInvalid(
                [
                    f"{self.directory} is damaged: {damage}; remove the node from the cluster, "
                    "delete its data directory and let it join again"
                ]
            ) from damage

    def close(self) -> None:
        """Let the directory go."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def sync_journal(self) -> None:
        """Return when every entry in the journal is on stable storage."""
        _sync(self.journal)

    def sync_vote(self) -> None:
        """Return when term and vote are on stable storage."""
        if self._meta.exists():
            _sync(self._meta)
            _sync(self.directory)

    def save_before_compaction(self) -> None:
        """Copy the journal: PySyncObj rewrites it in place, and may die half-way."""
        _copy(self.journal, self._before)

    def end_compaction(self) -> None:
        """Drop the copy, once the rewritten journal is on stable storage."""
        _sync(self.journal)
        self._before.unlink(missing_ok=True)
        _sync(self.directory)

    def _mend(self) -> None:
        """Undo what a crash in a compaction left."""
        if self._before.exists():
            self._before.replace(self.journal)
        first, positions = self._journal_positions()
        if not self.dump.exists():
            if first > 1:
                raise ValueError(f"the journal begins at entry {first} and there is no dump")
            return
        dump = read_dump(self.dump)
        cut = positions.get((dump.before.index, dump.before.term), 0)
        if cut:
            self._cut_journal(cut)

    def _journal_positions(self) -> tuple[int, dict[tuple[int, int], int]]:
        if not self.journal.exists():
            return 1, {}
        journal = open_journal(self.journal)
        try:
            positions = {
                (journal[place][1], journal[place][2]): place for place in range(len(journal))
            }
            return (journal[0][1] if len(journal) else 1), positions
        finally:
            journal._destroy()  # noqa: SLF001 - the library's own way to close a journal

    def _cut_journal(self, count: int) -> None:
        """Drop the first `count` entries, which the dump covers, on a copy.

        PySyncObj would otherwise throw the whole journal away because it does not begin with the
        dump's entries.
        """
        copy = self.directory / "journal.cut"
        _copy(self.journal, copy)
        journal = open_journal(copy)
        journal.deleteEntriesTo(count)
        journal._destroy()  # noqa: SLF001 - the library's own way to close a journal
        _sync(copy)
        copy.replace(self.journal)
        _sync(self.directory)


@contextmanager
def library_files() -> Iterator[None]:
    """Let the library leave files for the garbage collector to close, without a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield


def open_journal(path: Path) -> FileJournal:
    """Open a journal of the library's; raises ValueError when it is damaged."""
    with library_files():
        try:
            return FileJournal(str(path))
        except (struct.error, IndexError, ValueError) as damage:
            problem = str(damage)
    raise ValueError(f"{path.name} cannot be read: {problem}")


def write_dump(path: Path, point: DumpPoint, parts: Iterable[bytes], time_ms: int = 0) -> None:
    """Write a dump to `path` and return when it is on stable storage."""
    last, before, voters = point
    body = msgspec.msgpack.encode(
        Dump(
            last=_entry(last),
            before=_entry(before),
            voters=tuple(sorted(voter.id for voter in voters)),
            state=tuple(parts),
            time_ms=time_ms,
        )
    )
    with path.open("wb") as file:
        file.write(_MAGIC + hashlib.sha256(body).digest() + body)
        file.flush()
        os.fsync(file.fileno())


def read_dump(path: Path) -> Dump:
    """Return the dump at `path`; raises ValueError when it is damaged."""
    data = path.read_bytes()
    head, body = data[: len(_MAGIC)], data[len(_MAGIC) + _DIGEST_BYTES :]
    digest = data[len(_MAGIC) : len(_MAGIC) + _DIGEST_BYTES]
    if head != _MAGIC or digest != hashlib.sha256(body).digest():
        raise ValueError(f"{path.name} is not a dump of this version, or its digest is wrong")
    try:
        return _decoder.decode(body)
    except msgspec.MsgspecError as problem:
        raise ValueError(f"{path.name} cannot be read: {problem}") from problem


def local_entry(entry: LogEntry) -> LocalEntry:
    """Return an entry as PySyncObj keeps it."""
    return to_local(entry.command), entry.index, entry.term


def _entry(local: LocalEntry) -> LogEntry:
    command, index, term = local
    return LogEntry(index, term, from_local(command))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if path.is_dir():
            os.fsync(descriptor)
        else:
            os.fdatasync(descriptor)
    finally:
        os.close(descriptor)


def _copy(source: Path, target: Path) -> None:
    temporary = target.with_name(target.name + ".tmp")
    shutil.copyfile(source, temporary)
    _sync(temporary)
    temporary.replace(target)
    _sync(target.parent)
