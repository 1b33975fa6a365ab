"""Whose directory this is: a member never takes over the files of another."""

import msgspec

from aether.core.model.ids import NodeId
from aether.ports import Disk
from aether.store.disk.errors import IdentityDamaged, WrongMember
from aether.store.disk.sealed_files import read_sealed, write_sealed

IDENTITY_NAME = "member"
FORMAT = 1
"""Version of everything in the directory; a change that old code cannot read raises it."""
_MAGIC = b"AEMEMB\x00\x01"


class Identity(msgspec.Struct, frozen=True, array_like=True):
    """Who keeps its files here."""

    cluster_id: str
    node: NodeId
    format: int = FORMAT


_decoder = msgspec.msgpack.Decoder(Identity)


def read_identity(disk: Disk) -> Identity | None:
    """Return whose directory this is, None when nobody's. Raises IdentityDamaged, DiskFailed."""
    try:
        body = read_sealed(disk, IDENTITY_NAME, _MAGIC)
        return None if body is None else _decoder.decode(body)
    except (ValueError, msgspec.MsgspecError) as problem:
        raise IdentityDamaged(IDENTITY_NAME, 0, str(problem)) from problem


def claim(disk: Disk, cluster_id: str, node: NodeId) -> bool:
    """Make sure that the directory is this member's; return whether it is only since now.

    Raises WrongMember, IdentityDamaged, NoSpace, DiskFailed.
    """
    found = read_identity(disk)
    if found is None:
        write_sealed(
            disk, IDENTITY_NAME, _MAGIC, msgspec.msgpack.encode(Identity(cluster_id, node))
        )
        return True
    if found.format > FORMAT:
        raise WrongMember(
            f"the directory has format {found.format}, this version reads up to {FORMAT}: "
            "start the version that wrote it"
        )
    if (found.cluster_id, found.node) != (cluster_id, node):
        raise WrongMember(
            f"the directory belongs to member {found.node} of cluster {found.cluster_id}, not to "
            f"{node} of {cluster_id}: give this member a directory of its own"
        )
    return False
