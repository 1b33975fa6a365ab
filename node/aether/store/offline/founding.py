"""Writes the files of a store that begins with a given state and one voter."""

import uuid
from dataclasses import dataclass
from pathlib import Path

from aether.core.model.ids import NodeId
from aether.core.raft.entries import HardState, Members, Peer, SnapshotPoint
from aether.core.store.machine import KvMachine
from aether.store.disk.directory import Directory
from aether.store.disk.entry_log import EntryLog, LogLimits
from aether.store.disk.identity import claim
from aether.store.disk.snapshot_files import SnapshotFiles
from aether.store.disk.vote_file import VoteFile

ENGINE_FILE = "engine"
"""File of a data directory that names the engine which wrote its store."""
ENGINE = "native"


@dataclass(frozen=True, slots=True, kw_only=True)
class Founded:
    """A store that was written: a cluster of its own, with one voter."""

    cluster_id: str
    node: NodeId
    address: str
    """`host:port` of its Raft port."""
    revision: int
    state_hash: str


def new_cluster_id() -> str:
    """Return a name for a cluster, unlike any other's."""
    return uuid.uuid4().hex


def found(path: Path, voter: Peer, machine: KvMachine, *, index: int, term: int) -> Founded:
    """Write a store below `path`, an empty directory or none, and return when it is on disk.

    It begins behind entry `index` of `term` with the state of `machine`, a cluster id nobody has,
    and one voter. Raises NoSpace, DiskFailed.
    """
    cluster_id = new_cluster_id()
    point = SnapshotPoint(index, term, machine.time_ms, Members((voter,)))
    with Directory(path) as disk:
        claim(disk, cluster_id, voter.node)
        VoteFile.open(disk).save(HardState(term, ""))
        snapshots = SnapshotFiles(disk)
        writer = snapshots.writer(point)
        for part in machine.snapshot():
            writer.write(part)
        writer.finish()()
        writer.publish()
        EntryLog.open(disk, LogLimits(), index).close()
    return Founded(
        cluster_id=cluster_id,
        node=voter.node,
        address=voter.address,
        revision=machine.revision,
        state_hash=machine.state_hash(),
    )
