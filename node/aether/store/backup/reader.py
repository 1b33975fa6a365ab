"""Reading a backup: nothing of it is believed before all of it verified."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

import msgspec

from aether.core.store.machine import KvMachine
from aether.errors import NotFound
from aether.store.backup.format import (
    FORMAT,
    FRAME,
    MAGIC,
    MOST_BODY_BYTES,
    OPENING,
    BackupDamaged,
    End,
    Head,
    Kind,
    checksum,
)

_heads = msgspec.msgpack.Decoder(Head)
_ends = msgspec.msgpack.Decoder(End)
_T = TypeVar("_T", Head, End)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A backup that verified, and the state it holds."""

    path: Path
    head: Head
    end: End
    size: int
    """Bytes of the file."""
    machine: KvMachine

    def families(self) -> Mapping[str, int]:
        """Return how many keys there are by their first part, as in `node/…`."""
        entries = self.machine.range("").entries
        return dict(sorted(Counter(entry.key.partition("/")[0] for entry in entries).items()))


def load_backup(path: Path) -> Backup:
    """Read and verify all of a backup: every checksum, and that the state is the one described.

    Raises BackupDamaged naming file, byte and what is wrong, NotFound when there is no such file.
    """
    try:
        with path.open("rb") as file:
            return _Reader(path, file).load()
    except OSError as problem:
        raise NotFound(f"the backup {path} cannot be read: {problem.strerror}") from problem


class _Reader:
    """One pass over a file."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path = path
        self._file = file
        self._at = 0
        self._whole = hashlib.sha256()

    def load(self) -> Backup:
        self._open()
        machine = KvMachine()
        kind, body = self._frame(0)
        if kind is not Kind.HEAD:
            raise self._damaged(len(OPENING), "it has no head")
        head = self._decoded(_heads, body)
        end = self._restore(machine)
        self._check_state(machine, head, end)
        return Backup(path=self._path, head=head, end=end, size=self._at, machine=machine)

    def _open(self) -> None:
        opening = self._read(len(OPENING))
        if opening[: len(MAGIC)] != MAGIC:
            raise self._damaged(0, "it does not begin as a backup does")
        if opening != OPENING:
            found = int.from_bytes(opening[len(MAGIC) :], "little")
            what = f"it has format {found}, this version reads {FORMAT}"
            raise self._damaged(len(MAGIC), what)

    def _restore(self, machine: KvMachine) -> End:
        restoring = machine.restoring()
        state = hashlib.sha256()
        count = size = 0
        while True:
            begin = self._at
            before = self._whole.digest()
            kind, body = self._frame(count + 1)
            if kind is not Kind.PART:
                break
            count, size = count + 1, size + len(body)
            state.update(body)
            try:
                restoring.feed(body)
            except ValueError as problem:
                raise self._damaged(begin, str(problem)) from problem
        end = self._decoded(_ends, body) if kind is Kind.END else None
        found = (count, size, state.hexdigest(), before)
        if end is None or (end.parts, end.size, end.state_hash, end.whole) != found:
            raise self._damaged(begin, "its end does not describe what stands before it")
        if self._file.read(1):
            raise self._damaged(self._at, "something stands behind its end")
        try:
            restoring.finish()
        except ValueError as problem:
            raise self._damaged(begin, str(problem)) from problem
        return end

    def _check_state(self, machine: KvMachine, head: Head, end: End) -> None:
        found = (machine.revision, machine.time_ms, machine.digest(), machine.state_hash())
        if found != (head.revision, head.time_ms, head.digest, end.state_hash):
            raise self._damaged(len(OPENING), "the state it holds is not the one its head tells of")

    def _frame(self, place: int) -> tuple[Kind, bytes]:
        begin = self._at
        letter, length, crc = FRAME.unpack(self._read(FRAME.size))
        if length > MOST_BODY_BYTES:
            raise self._damaged(begin, f"a part of {length} bytes, {MOST_BODY_BYTES} at most")
        body = self._read(length)
        try:
            kind = Kind(letter.decode())
        except ValueError as problem:
            raise self._damaged(begin, f"a part of unknown kind {letter.hex()}") from problem
        if checksum(kind, place, body) != crc:
            raise self._damaged(begin, "a checksum does not match")
        return kind, body

    def _read(self, size: int) -> bytes:
        data = self._file.read(size)
        if len(data) < size:
            raise self._damaged(self._at + len(data), "it is cut off")
        self._at += size
        self._whole.update(data)
        return data

    def _decoded(self, decoder: msgspec.msgpack.Decoder[_T], body: bytes) -> _T:
        try:
            return decoder.decode(body)
        except msgspec.MsgspecError as problem:
            raise self._damaged(self._at, f"it cannot be decoded: {problem}") from problem

    def _damaged(self, offset: int, what: str) -> BackupDamaged:
        return BackupDamaged(
            f"{self._path} is not a sound backup: at byte {offset}, {what}; use another backup",
            fields={"file": str(self._path), "offset": offset},
        )
