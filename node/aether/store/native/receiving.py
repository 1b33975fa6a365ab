"""Receives a snapshot from the leader, and goes on where it was when the transfer broke off."""

from collections.abc import Callable

from aether.core.model.ids import NodeId
from aether.core.raft.entries import SnapshotPoint
from aether.store.disk.errors import SnapshotDamaged
from aether.store.disk.snapshot_files import SnapshotFiles
from aether.store.disk.snapshot_writing import SnapshotReceiver
from aether.store.native.jobs import BackgroundJob
from aether.store.native.packets import SnapshotAnswer, SnapshotChunk
from aether.store.native.sending import FAILED, HOLDS, RECEIVING

MOST_BYTES = 16 * 1024**3
"""Largest snapshot taken from another member."""


class _Incoming:
    """A file being received; bytes of one sender's file are never mixed with another's."""

    def __init__(self, sender: NodeId, chunk: SnapshotChunk, file: SnapshotReceiver) -> None:
        self.sender = sender
        self.point = chunk.point
        self.size = chunk.size
        self.file = file
        self.offset = 0

    def is_of(self, sender: NodeId, chunk: SnapshotChunk) -> bool:
        return (sender, chunk.point, chunk.size) == (self.sender, self.point, self.size)


class Receiving:
    """At most one snapshot coming in."""

    def __init__(
        self,
        files: SnapshotFiles,
        verified: Callable[[NodeId, SnapshotPoint, float], None],
        damaged: Callable[[NodeId, SnapshotPoint, str], None],
    ) -> None:
        self._files = files
        self._verified = verified
        self._damaged = damaged
        self._incoming: _Incoming | None = None
        self._finishing = False
        self._problem: str | None = None
        self.job: BackgroundJob | None = None
        """What has to be run before the snapshot counts; whoever takes it sets this to None."""

    def take(self, sender: NodeId, chunk: SnapshotChunk) -> SnapshotAnswer:
        """Take a chunk, or the question how much is there. Raises OSError."""
        if chunk.size > MOST_BYTES:
            return answer(chunk.term, chunk.point, FAILED, 0)
        incoming = self._incoming
        if incoming is None or not incoming.is_of(sender, chunk):
            if self._finishing:
                return answer(chunk.term, chunk.point, RECEIVING, 0)
            self.abort()
            file = self._files.receiver(chunk.point, chunk.size)
            incoming = self._incoming = _Incoming(sender, chunk, file)
        if chunk.data and chunk.offset == incoming.offset and not self._finishing:
            self._write(incoming, chunk)
        return answer(chunk.term, chunk.point, RECEIVING, incoming.offset)

    def abort(self) -> None:
        """Give up on what is coming in, unless it is complete."""
        if self._finishing:
            return
        incoming, self._incoming = self._incoming, None
        if incoming is not None:
            incoming.file.abort()

    def _write(self, incoming: _Incoming, chunk: SnapshotChunk) -> None:
        data = chunk.data[: incoming.size - incoming.offset]
        try:
            incoming.file.write(incoming.offset, data)
        except OSError:
            self.abort()
            raise
        incoming.offset += len(data)
        if incoming.offset == incoming.size:
            self._finishing = True
            self.job = BackgroundJob(self._finish, self._finished, self._failed)

    def _finish(self) -> None:
        if self._incoming is None:
            return
        try:
            self._incoming.file.finish()
        except SnapshotDamaged as damage:
            self._problem = str(damage)

    def _failed(self) -> None:
        self._finishing, self._problem = False, None
        self.abort()

    def _finished(self, now: float) -> None:
        incoming, self._incoming = self._incoming, None
        problem, self._problem = self._problem, None
        self._finishing = False
        if incoming is None:
            return
        if problem is None:
            self._verified(incoming.sender, incoming.point, now)
        else:
            self._damaged(incoming.sender, incoming.point, problem)


def answer(term: int, point: SnapshotPoint, state: int, offset: int) -> SnapshotAnswer:
    """Return what to tell the sender of a snapshot."""
    return SnapshotAnswer(term, point.index, point.term, offset, state)


def holds(term: int, point: SnapshotPoint) -> SnapshotAnswer:
    """Return the answer of a member that needs no more of a snapshot."""
    return answer(term, point, HOLDS, 0)
