"""Opens what a member has on disk, and decides what damage means.

A member whose log is damaged, or which was quarantined, sets the files aside and refetches from the
others; until it has, it is `recovering`: it neither votes nor leads, over restarts too. One whose
vote is damaged cannot be opened: it must be taken out and join again with an empty disk.
"""

from dataclasses import dataclass

import structlog

from aether.core.raft.entries import HardState, Members, SnapshotPoint
from aether.core.raft.values import LogStart
from aether.ports import Disk, StateMachine
from aether.store.disk.ballast import Ballast
from aether.store.disk.entry_log import EntryLog
from aether.store.disk.errors import LogDamaged, NoSpace, SnapshotDamaged
from aether.store.disk.identity import claim
from aether.store.disk.snapshot_files import SnapshotFiles
from aether.store.disk.vote_file import VoteFile
from aether.store.native.conditions import Mark
from aether.store.native.settings import ReplicaSpec

_log = structlog.get_logger(__name__)

_ASIDE = ".damaged"
_NOTHING = SnapshotPoint(0, 0, 0, Members(()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A member's files, and the state machine restored from them."""

    log: EntryLog
    votes: VoteFile
    snapshots: SnapshotFiles
    ballast: Ballast
    start: LogStart
    recovering: str
    """Why the member must not vote yet; empty when it may."""


def open_member(spec: ReplicaSpec, disk: Disk, machine: StateMachine) -> Opened:
    """Open everything. Raises WrongMember, IdentityDamaged, VoteDamaged, NoSpace, DiskFailed."""
    ballast = Ballast(disk, spec.ballast_bytes)
    try:
        return _open(spec, disk, machine, ballast)
    except NoSpace:
        if not ballast.free():
            raise
        return _open(spec, disk, machine, ballast)


def _open(spec: ReplicaSpec, disk: Disk, machine: StateMachine, ballast: Ballast) -> Opened:
    claim(disk, spec.cluster_id, spec.node)
    recovering = Mark.recovering(disk)
    _set_aside_quarantined(disk, recovering)
    votes = _open_votes(spec, disk)
    snapshots = SnapshotFiles(disk)
    snapshot = _restore(snapshots, machine)
    known = snapshot.index > 0 or votes.state.term > spec.term
    if not spec.members and not known:
        # Its name may have voted and acknowledged in an earlier life, on a disk that is gone: a
        # member that lags and does not know of its removal would take its vote for that of then.
        recovering.put("it joins with an empty disk")
    log = _open_log(spec, disk, snapshot, recovering, known=known)
    if snapshot.index == 0:
        snapshot = SnapshotPoint(0, 0, 0, spec.founders())
    start = _start(spec, log, snapshot, votes.state, recovering)
    return Opened(
        log=log,
        votes=votes,
        snapshots=snapshots,
        ballast=ballast,
        start=start,
        recovering=recovering.text or "",
    )


def _set_aside_quarantined(disk: Disk, recovering: Mark) -> None:
    quarantined = Mark.quarantined(disk)
    why = quarantined.text
    if why is None:
        return
    recovering.put(f"its state differed: {why}")
    _set_aside(disk, "log-", "snap-")
    quarantined.clear()


def _open_votes(spec: ReplicaSpec, disk: Disk) -> VoteFile:
    # A member that has a log has voted or let vote; before its log nothing is written.
    fresh = not any(name.startswith(("log-", "snap-")) for name in disk.names())
    votes = VoteFile.open(disk, fresh=fresh)
    if fresh and votes.state.term < spec.term:
        votes.save(HardState(spec.term, spec.node))
    return votes


def _open_log(
    spec: ReplicaSpec, disk: Disk, snapshot: SnapshotPoint, recovering: Mark, *, known: bool
) -> EntryLog:
    fresh = not known or recovering.text is not None
    try:
        return EntryLog.open(disk, spec.log, snapshot.index, fresh=fresh)
    except LogDamaged as damage:
        _log.warning("log_damaged", problem=str(damage))
        recovering.put(str(damage))
        _set_aside(disk, "log-")
        return EntryLog.open(disk, spec.log, snapshot.index, fresh=True)


def _start(
    spec: ReplicaSpec, log: EntryLog, snapshot: SnapshotPoint, state: HardState, recovering: Mark
) -> LogStart:
    if log.first_index > snapshot.index + 1:
        recovering.put(
            f"the log begins at {log.first_index} and the newest sound snapshot ends at "
            f"{snapshot.index}: what is between is missing"
        )
        log.reset(snapshot)
    return log.start(snapshot, state, spec.raft.tail_bytes)


def _restore(snapshots: SnapshotFiles, machine: StateMachine) -> SnapshotPoint:
    """Restore the machine from the newest snapshot that can be used."""
    point = snapshots.latest()
    if point is None:
        return _NOTHING
    restoring = machine.restoring()
    try:
        for part in snapshots.read(point):
            restoring.feed(part)
        restoring.finish()
    except (ValueError, SnapshotDamaged) as problem:
        _log.warning("snapshot_unusable", index=point.index, problem=str(problem))
        return _NOTHING
    return point


def _set_aside(disk: Disk, *prefixes: str) -> None:
    """Rename files so that nobody takes them for what they were; those of an earlier time go."""
    names = [name for name in disk.names() if name.startswith(prefixes)]
    for name in names:
        if name.endswith(_ASIDE):
            disk.remove(name)
    for name in names:
        if not name.endswith(_ASIDE):
            disk.rename(name, name + _ASIDE)
    disk.sync_names()
