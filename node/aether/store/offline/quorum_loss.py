"""What one member still holds, and a new cluster made of it when a quorum is lost for ever.

Everything in its log is kept, acknowledged or not: nobody is left to tell. What others acknowledged
and this member never received is lost. The files as they were stay beside the new ones.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from aether.core.model.ids import NodeId
from aether.core.raft.entries import COMMAND, HardState, Members, Peer, SnapshotPoint
from aether.core.raft.values import LogStart
from aether.core.store.machine import KvMachine
from aether.errors import Conflict, Invalid, NotFound
from aether.store.disk.directory import Directory
from aether.store.disk.entry_log import EntryLog, LogLimits
from aether.store.disk.errors import Damaged, DirectoryInUse, VoteDamaged
from aether.store.disk.identity import read_identity
from aether.store.disk.snapshot_files import SnapshotFiles
from aether.store.disk.vote_file import VoteFile
from aether.store.native.conditions import Mark
from aether.store.offline.founding import ENGINE, ENGINE_FILE, Founded, found
from aether.store.offline.holding import InUse, held
from aether.store.origin import STORE, Origin, read_origin, write_origin
from aether.whole_files import sync_directory

ASIDE = "store.before-recovery"
_FRESH = "store.recovered"
_READ_BYTES = 4 * 1024 * 1024


class NotTrusted(Conflict):
    """The member's files do not hold all it had promised: no cluster may be made of them."""

    code = "not_trusted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Survivor:
    """What a member holds on its disk."""

    node: NodeId
    cluster_id: str
    address: str
    """Its Raft address."""
    votes: bool
    """False for a learner, which may lack what a quorum acknowledged."""
    term: int
    """Highest term it knows of."""
    last_term: int
    """Term of its last entry: of several survivors, the one with the highest last term holds
    most, and among equal ones the one with the highest last index."""
    last_index: int
    snapshot_index: int
    """Everything up to it surely had been acknowledged by a quorum."""
    given_up: tuple[Peer, ...]
    """The other members."""
    revision: int
    """Of the state when all of its log is applied."""


@dataclass(frozen=True, slots=True)
class _Files:
    """A member's files, open and sound."""

    cluster_id: str
    node: NodeId
    snapshots: SnapshotFiles
    log: EntryLog
    start: LogStart
    members: Members


def examine(data_dir: Path, believed: Members) -> Survivor:
    """Return what the member of a stopped node holds.

    `believed` are the members as its node knows them: founders stand in no log. Raises NotFound when there is none, InUse while it runs, NotTrusted when its files are damaged.
    """
    with _held(data_dir), _opened(data_dir, believed) as files:
        return _survivor(files, _replayed(files))


def recover(data_dir: Path, cluster_id: str, believed: Members) -> tuple[Survivor, Founded]:
    """Make a new cluster of what a member holds: a new cluster id, and it the only voter.

    `cluster_id` is the old one, as a proof that the caller read what is lost; raises Invalid for
    any other, and what `examine` raises. The old store is kept as `store.before-recovery`.
    """
    with _held(data_dir):
        with _opened(data_dir, believed) as files:
            if cluster_id != files.cluster_id:
                raise Invalid(
                    f"{data_dir} is of cluster {files.cluster_id}, and {cluster_id!r} was "
                    "confirmed; nothing was changed"
                )
            machine = _replayed(files)
            survivor = _survivor(files, machine)
        fresh = data_dir / _FRESH
        founded = found(
            fresh,
            Peer(survivor.node, survivor.address),
            machine,
            index=max(1, survivor.last_index),
            term=survivor.term + 1,
        )
        (data_dir / STORE).rename(_aside(data_dir))
        fresh.rename(data_dir / STORE)
        sync_directory(data_dir)
        write_origin(data_dir, Origin.FOUNDED)
    return survivor, founded


@contextmanager
def _held(data_dir: Path) -> Iterator[None]:
    """Hold a data directory and mend what a recovery that was interrupted left."""
    asides = sorted(data_dir.glob(f"{ASIDE}*")) if data_dir.is_dir() else []
    if not (data_dir / STORE).is_dir() and not asides:
        raise NotFound(f"{data_dir} holds no store: name the data directory of a node")
    engine = data_dir / ENGINE_FILE
    if engine.exists() and engine.read_text().strip() != ENGINE:
        raise Invalid(
            f"{data_dir} holds a store of engine {engine.read_text().strip()}: restore a "
            "backup instead"
        )
    if read_origin(data_dir) is Origin.LOST:
        raise NotTrusted(
            f"{data_dir}: this member had lost its store and not joined again; recover from "
            "another member, or restore a backup"
        )
    with held(data_dir):
        if not (data_dir / STORE).is_dir():
            max(asides, key=lambda path: path.stat().st_mtime).rename(data_dir / STORE)
        if (data_dir / _FRESH).exists():
            shutil.rmtree(data_dir / _FRESH)
        yield


@contextmanager
def _opened(data_dir: Path, believed: Members) -> Iterator[_Files]:
    try:
        with Directory(data_dir / STORE) as disk:
            files = _open(disk, data_dir, believed)
            try:
                yield files
            finally:
                files.log.close()
    except DirectoryInUse as problem:
        raise InUse(str(problem)) from problem
    except Damaged as damage:
        raise NotTrusted(
            f"{data_dir}: {damage}; recover from another member that is sound, or restore a backup",
        ) from damage


def _open(disk: Directory, data_dir: Path, believed: Members) -> _Files:
    identity = read_identity(disk)
    if identity is None:
        raise NotFound(f"{data_dir} holds no store: name the data directory of a node")
    for mark in (Mark.quarantined(disk), Mark.recovering(disk)):
        if (why := mark.text) is not None:
            raise NotTrusted(
                f"{data_dir}: this member had lost part of what it held ({why}); recover from "
                "another member, or restore a backup"
            )
    hard = _vote(disk)
    snapshots = SnapshotFiles(disk)
    point = snapshots.latest() or SnapshotPoint(0, 0, 0, believed)
    log = EntryLog.open(disk, LogLimits(), point.index, fresh=False)
    start = log.start(point, hard, 0)
    members = start.members[-1][1] if start.members else point.members
    return _Files(identity.cluster_id, identity.node, snapshots, log, start, members)


def _vote(disk: Directory) -> HardState:
    """Return the last term and vote; a damaged one does no harm, for nobody of the old cluster is left."""
    try:
        return VoteFile.open(disk, fresh=False).state
    except VoteDamaged:
        return HardState(0, "")


def _replayed(files: _Files) -> KvMachine:
    """Return the state with everything in the log applied."""
    machine, point = KvMachine(), files.start.snapshot
    if point.index:
        try:
            machine.restore(files.snapshots.read(point))
        except ValueError as problem:
            raise NotTrusted(f"the snapshot at entry {point.index}: {problem}") from problem
    at = point.index
    while at < files.log.last_index:
        for entry in files.log.read(at + 1, files.log.last_index, _READ_BYTES):
            if entry.kind == COMMAND:
                machine.apply(entry.data, entry.time_ms)
            at = entry.index
    return machine


def _survivor(files: _Files, machine: KvMachine) -> Survivor:
    members, start = files.members, files.start
    everyone = (*members.voters, *members.learners)
    own = next((peer for peer in everyone if peer.node == files.node), None)
    if own is None:
        names = ", ".join(peer.node for peer in everyone) or "nobody"
        raise NotTrusted(
            f"{files.node} is no member of cluster {files.cluster_id} any more (members: {names}): "
            "recover from one of those"
        )
    last_term = start.term_starts[-1][1] if start.term_starts else start.snapshot.term
    return Survivor(
        node=files.node,
        cluster_id=files.cluster_id,
        address=own.address,
        votes=own in members.voters,
        term=max(start.hard_state.term, last_term),
        last_term=last_term,
        last_index=max(start.last_index, start.snapshot.index),
        snapshot_index=start.snapshot.index,
        given_up=tuple(sorted((p for p in everyone if p != own), key=lambda peer: peer.node)),
        revision=machine.revision,
    )


def _aside(data_dir: Path) -> Path:
    """Return a name for the old store that nothing has yet."""
    path, number = data_dir / ASIDE, 1
    while path.exists():
        number += 1
        path = data_dir / f"{ASIDE}-{number}"
    return path
