"""Sends snapshots to members that need entries the log no longer has.

The file is sent as it is, a few chunks ahead of the receiver's answers. A transfer begins with the
question how much the receiver has, so that one which broke off goes on where it was.
"""

import math
from dataclasses import dataclass

from aether.core.model.ids import NodeId
from aether.core.raft.entries import SnapshotPoint
from aether.store.disk.snapshot_files import SnapshotFiles
from aether.store.native.packets import SnapshotAnswer, SnapshotChunk

AHEAD = 4
"""Chunks sent beyond what was answered."""
ASK_AGAIN_S = 1.0
"""Silence after which the receiver is asked again how much it has."""
GIVE_UP_S = 30.0
"""Silence after which a transfer has failed."""
RECEIVING, HOLDS, FAILED = 1, 2, 3
"""States of a SnapshotAnswer."""


@dataclass(slots=True)
class _Transfer:
    point: SnapshotPoint
    size: int
    answered: int
    """Bytes the receiver has."""
    sent: int
    """Bytes sent; -1 while it was only asked."""
    heard_at: float
    asked_at: float


class Sending:
    """The transfers of one leader."""

    def __init__(self, files: SnapshotFiles, chunk_bytes: int) -> None:
        self._files = files
        self._chunk_bytes = chunk_bytes
        self._to: dict[NodeId, _Transfer] = {}

    @property
    def busy(self) -> bool:
        """Whether anything is being sent."""
        return bool(self._to)

    @property
    def oldest_index(self) -> float:
        """Index of the oldest snapshot being sent; infinite when none is."""
        return min((each.point.index for each in self._to.values()), default=math.inf)

    @property
    def wake_at(self) -> float:
        """When `expire` may have something to do."""
        return min((each.asked_at for each in self._to.values()), default=math.inf) + ASK_AGAIN_S

    def begin(self, node: NodeId, term: int, now: float) -> SnapshotChunk | None:
        """Begin a transfer of the newest snapshot; None when there is none. Raises OSError."""
        point = self._files.latest()
        if point is None:
            self._to.pop(node, None)
            return None
        transfer = _Transfer(point, self._files.size(point), 0, -1, now, now)
        self._to[node] = transfer
        return self._question(transfer, term)

    def answered(
        self, node: NodeId, answer: SnapshotAnswer, now: float
    ) -> tuple[list[SnapshotChunk], bool]:
        """Return the chunks to send next, and whether the transfer has ended. Raises OSError.

        It ended well when the answer says that the receiver holds everything up to its index.
        """
        transfer = self._to.get(node)
        if transfer is None or (answer.index, answer.point_term) != (
            transfer.point.index,
            transfer.point.term,
        ):
            return [], False
        if answer.state != RECEIVING:
            del self._to[node]
            return [], True
        transfer.heard_at = now
        if transfer.sent < 0 or answer.offset < transfer.answered:
            transfer.sent = answer.offset
        transfer.answered = min(answer.offset, transfer.size)
        transfer.sent = max(transfer.sent, transfer.answered)
        return self._next(transfer, answer.term, now), False

    def expire(
        self, term: int, now: float
    ) -> tuple[list[tuple[NodeId, SnapshotChunk]], list[NodeId]]:
        """Return the questions to ask again, and the nodes whose transfer has failed."""
        questions: list[tuple[NodeId, SnapshotChunk]] = []
        failed = [node for node, each in self._to.items() if each.heard_at + GIVE_UP_S <= now]
        for node in failed:
            del self._to[node]
        for node, transfer in self._to.items():
            if transfer.asked_at + ASK_AGAIN_S <= now:
                transfer.asked_at = now
                if transfer.heard_at + ASK_AGAIN_S <= now:
                    transfer.sent = -1
                    questions.append((node, self._question(transfer, term)))
        return questions, failed

    def stop(self, node: NodeId) -> bool:
        """Give up on a transfer; return whether there was one."""
        return self._to.pop(node, None) is not None

    def stop_all(self) -> None:
        """Give up on every transfer."""
        self._to.clear()

    def _question(self, transfer: _Transfer, term: int) -> SnapshotChunk:
        return SnapshotChunk(term, transfer.point, transfer.size, 0, b"")

    def _next(self, transfer: _Transfer, term: int, now: float) -> list[SnapshotChunk]:
        chunks: list[SnapshotChunk] = []
        limit = min(transfer.answered + AHEAD * self._chunk_bytes, transfer.size)
        while transfer.sent < limit:
            data = self._files.chunk(transfer.point, transfer.sent, self._chunk_bytes)
            if not data:
                break
            chunks.append(SnapshotChunk(term, transfer.point, transfer.size, transfer.sent, data))
            transfer.sent += len(data)
        transfer.asked_at = now
        return chunks
