"""A backup becomes the store of the first node of a new cluster."""

from pathlib import Path

from aether.core.model.ids import NodeId
from aether.core.raft.entries import Peer
from aether.errors import Conflict
from aether.store.backup.reader import Backup
from aether.store.offline.founding import ENGINE, ENGINE_FILE, Founded, found
from aether.store.origin import STORE, Origin, write_origin
from aether.whole_files import write_whole

FIRST_INDEX = FIRST_TERM = 1
"""Where the new log begins; it has nothing in common with the old cluster's."""


class NotEmpty(Conflict):
    """The directory for a restored node has something in it."""

    code = "not_empty"


def restore(backup: Backup, data_dir: Path, node: NodeId, address: str) -> Founded:
    """Write the state of a backup, verified before, as the store of `node` in an empty directory.

    `address` is the node's Raft address for good. Raises NotEmpty, NoSpace, DiskFailed; after a
    failure in the middle the directory is not empty, and no node starts from it.
    """
    if data_dir.exists() and any(data_dir.iterdir()):
        raise NotEmpty(
            f"{data_dir} is not empty: a backup is restored into an empty directory only; "
            "name another one, or move that one away"
        )
    data_dir.mkdir(parents=True, exist_ok=True)
    write_whole(data_dir / ENGINE_FILE, f"{ENGINE}\n".encode())
    voter = Peer(node, address)
    founded = found(data_dir / STORE, voter, backup.machine, index=FIRST_INDEX, term=FIRST_TERM)
    write_origin(data_dir, Origin.FOUNDED)
    return founded
