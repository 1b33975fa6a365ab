"""A member's snapshots: taken of its own state, sent to those behind, received and installed.

Two rules keep what was acknowledged: a snapshot this member's log already contains is never
installed, since that would drop the entries behind it; and the log is cut only behind a snapshot
that is on disk.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from aether.core.model.ids import NodeId
from aether.core.raft.entries import SnapshotPoint
from aether.core.raft.raft import Raft
from aether.core.raft.values import Role
from aether.store.disk.errors import SnapshotDamaged
from aether.store.disk.snapshot_files import SnapshotFiles
from aether.store.native.applying import Applying
from aether.store.native.durability import Durability
from aether.store.native.installing import Installing
from aether.store.native.jobs import BackgroundJob
from aether.store.native.packets import Packet, SnapshotAnswer, SnapshotChunk
from aether.store.native.receiving import Receiving, answer, holds
from aether.store.native.sending import FAILED, HOLDS, Sending
from aether.store.native.taking import Taking

_log = structlog.get_logger(__name__)

_MOST_LOGS = 4
"""A log this many times as large as one that is due for a snapshot is cut whoever needs it."""
_LOOK_EVERY = 64
"""Applied entries between two looks at the size of the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotLimits:
    """When a member takes snapshots and how it sends them."""

    entries: int
    """Applied entries after which a snapshot is taken."""
    bytes: int
    """Bytes of log after which a snapshot is taken."""
    keep_entries: int
    """Entries before a snapshot that stay in the log, for members that are a little behind."""
    chunk_bytes: int


class Snapshots:
    """The snapshots of one member. Every method may raise OSError: the disk's troubles."""

    def __init__(  # noqa: PLR0913 - what a member's snapshots touch, each given once
        self,
        limits: SnapshotLimits,
        files: SnapshotFiles,
        durability: Durability,
        applying: Applying,
        *,
        send: Callable[[NodeId, Packet], None],
        dice: Callable[[], float],
        writable: Callable[[], bool],
    ) -> None:
        self._limits = limits
        self._files = files
        self._durability = durability
        self._applying = applying
        self._raft: Raft = applying.raft
        self._send = send
        self._dice = dice
        self._writable = writable
        latest = files.latest()
        self.index = 0 if latest is None else latest.index
        """Of the newest snapshot."""
        self._threshold = self._draw_threshold()
        self._log_bytes = durability.log.bytes
        self._look_at = _LOOK_EVERY
        self._taking = Taking(files, applying.stopwatch, self._published)
        self._sending = Sending(files, limits.chunk_bytes)
        self._receiving = Receiving(files, self._verified, self._damaged)
        self._installing = Installing(files, applying.machine, applying.stopwatch)

    @property
    def more(self) -> bool:
        """Whether `step` has something to do at once."""
        return self._taking.more or self._installing.now is not None

    @property
    def wake_at(self) -> float:
        """When `step` may have something to do."""
        return self._sending.wake_at if self._sending.busy else math.inf

    def job(self) -> BackgroundJob | None:
        """Return work for a thread, if any."""
        for source in (self._taking, self._receiving):
            if source.job is not None:
                job, source.job = source.job, None
                return job
        return None

    def step(self, now: float) -> None:
        """Go on with what is under way, for a few milliseconds."""
        if self._sending.busy:
            self._watch_transfers(now)
        if self._installing.now is not None:
            self._install(now)
        elif self._taking.more:
            self._taking.step()
        elif self._taking.idle and self._is_due() and self._writable():
            self._begin()

    def wanted(self, node: NodeId, now: float) -> None:
        """Begin to send the newest snapshot to a member that needs entries the log lacks."""
        try:
            question = self._sending.begin(node, self._raft.term, now)
        except SnapshotDamaged as problem:
            _log.warning("snapshot_not_sent", node=node, problem=str(problem))
            question = None
        if question is not None:
            self._send(node, question)
            return
        self._raft.snapshot_sent(node, None, now)
        if self._taking.idle and self._applying.applied and self._writable():
            self._begin()

    def take_chunk(self, sender: NodeId, chunk: SnapshotChunk) -> None:
        """Take a part of a snapshot from the leader."""
        raft, point = self._raft, chunk.point
        if chunk.term != raft.term or raft.role is Role.LEADER or sender != raft.leader:
            return
        restore = self._installing.now
        if not raft.needs_snapshot(point):
            self._receiving.abort()
            # Unless it is on disk nothing is promised; the sender asks again.
            if self._durability.durable >= point.index:
                self._send(sender, holds(chunk.term, point))
        elif restore is None or restore.point != point:
            if not self._writable():
                return
            self._send(sender, self._receiving.take(sender, chunk))
        else:
            self._send(sender, answer(chunk.term, point, 1, chunk.size))

    def take_answer(self, sender: NodeId, told: SnapshotAnswer, now: float) -> None:
        """Take word from a member a snapshot is sent to."""
        if told.term != self._raft.term or self._raft.role is not Role.LEADER:
            return
        try:
            chunks, ended = self._sending.answered(sender, told, now)
        except SnapshotDamaged as problem:
            _log.warning("snapshot_not_sent", node=sender, problem=str(problem))
            self.link_lost(sender, now)
            return
        for chunk in chunks:
            self._send(sender, chunk)
        if ended:
            index = told.index if told.state == HOLDS else None
            self._raft.snapshot_sent(sender, index, now)

    def link_lost(self, node: NodeId, now: float) -> None:
        """Give up on sending to a member whose connection closed; it asks again."""
        if self._sending.stop(node):
            self._raft.snapshot_sent(node, None, now)

    def stop_sending(self) -> None:
        """Give up on every transfer: this member leads no longer."""
        self._sending.stop_all()

    def abort(self) -> None:
        """Give up on everything that writes."""
        self._taking.abort()
        self._receiving.abort()
        self._installing.now = None

    def _watch_transfers(self, now: float) -> None:
        if self._sending.wake_at > now:
            return
        questions, failed = self._sending.expire(self._raft.term, now)
        for node, question in questions:
            self._send(node, question)
        for node in failed:
            self._raft.snapshot_sent(node, None, now)

    def _is_due(self) -> bool:
        applied = self._applying.applied
        if applied - self.index >= self._threshold:
            return True
        if applied < self._look_at:
            return False
        # The size of the log is looked at now and then: entries have at most a few megabytes.
        self._look_at = applied + _LOOK_EVERY
        return self._durability.log.bytes - self._log_bytes >= self._limits.bytes

    def _begin(self) -> None:
        point = self._applying.point()
        self._taking.begin(point, self._applying.machine.snapshot())

    def _published(self, point: SnapshotPoint, _now: float) -> None:
        _log.info("snapshot_taken", index=point.index, bytes=self._files.size(point))
        self.index = max(self.index, point.index)
        self._threshold = self._draw_threshold()
        log = self._durability.log
        # Never beyond what the log holds: what follows the snapshot must stay readable.
        keep_from = min(point.index, log.last_index) - self._limits.keep_entries + 1
        if self._sending.busy and log.bytes <= _MOST_LOGS * self._limits.bytes:
            # Who is being sent an older snapshot needs what follows that one.
            keep_from = int(min(keep_from, self._sending.oldest_index + 1))
        if keep_from > log.first_index:
            log.drop_before(keep_from)
            self._raft.compacted(log.first_index)
        self._log_bytes = log.bytes
        self._drop_old_files()

    def _drop_old_files(self) -> None:
        self._files.drop_before(int(min(self.index, self._sending.oldest_index)))

    def _verified(self, sender: NodeId, point: SnapshotPoint, _now: float) -> None:
        if self._raft.needs_snapshot(point):
            self._taking.abort()
            self._installing.begin(sender, point)

    def _damaged(self, sender: NodeId, point: SnapshotPoint, problem: str) -> None:
        _log.warning("snapshot_refused", index=point.index, sender=sender, problem=problem)
        self._send(sender, answer(self._raft.term, point, FAILED, 0))

    def _install(self, now: float) -> None:
        restore = self._installing.now
        if restore is None or not self._raft.needs_snapshot(restore.point):
            self._installing.now = None
            return
        sender, point = restore.sender, restore.point
        try:
            if not self._installing.step():
                return
        except (ValueError, SnapshotDamaged) as problem:
            self._damaged(sender, point, str(problem))
            return
        # The file is on disk since it verified: after a crash from here on a start begins with it.
        try:
            self._durability.log.reset(point)
        except OSError:
            self._installing.now = None
            raise
        self._durability.restarted_after(point.index)
        try:
            self._installing.finish()
        except ValueError as problem:
            # Neither the old state nor the new one goes with the log: only a start mends this.
            raise SnapshotDamaged(f"snapshot {point.index}", 0, str(problem)) from problem
        self._applying.replaced(point)
        self._raft.installed(point, now)
        self.index, self._log_bytes = point.index, self._durability.log.bytes
        self._drop_old_files()
        self._send(sender, holds(self._raft.term, point))
        _log.info("snapshot_installed", index=point.index, sender=sender)

    def _draw_threshold(self) -> int:
        # Members that started together take their snapshots at different times.
        return int(self._limits.entries * (1 + 0.25 * self._dice()))
