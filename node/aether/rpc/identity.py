"""What a node must never forget: its cluster (`node.json`) and whom it accepted (`founding.json`).

Both files are replaced atomically and are on disk before anybody is told of them.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from aether.core.agent.formation_state import Formed, KnownNode, Proposal
from aether.core.model.ids import NodeId
from aether.errors import ConfigInvalid
from aether.whole_files import sync_directory, write_whole

NODE_FILE: Final = "node.json"
FOUNDING_FILE: Final = "founding.json"
FORMAT: Final = 1

_R = TypeVar("_R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Content of `node.json`."""

    node: NodeId
    cluster_id: str
    members: tuple[KnownNode, ...]
    format: int = FORMAT
    term: int = 0
    """Raft term by which it had been admitted; it counts until the store has begun."""


def load_formed(data_dir: Path, me: KnownNode) -> Formed | None:
    """Return the cluster this data directory belongs to, None when it is new.

    Raises ConfigInvalid when it belongs to another node, or to this one at another Raft address.
    """
    path = data_dir / NODE_FILE
    identity = load_identity(data_dir)
    if identity is None:
        return None
    problem = _mismatch(identity, me)
    if problem is not None:
        raise ConfigInvalid([f"{path}: {problem}"])
    members = tuple(me if member.node == me.node else member for member in identity.members)
    return Formed(identity.cluster_id, members, identity.term)


def load_identity(data_dir: Path) -> Identity | None:
    """Return whom a data directory belongs to, None when nobody's; raises ConfigInvalid."""
    return _read(data_dir / NODE_FILE, Identity)


def forget_founding(data_dir: Path) -> None:
    """Have the founding accepted last count no more: its cluster is given up."""
    (data_dir / FOUNDING_FILE).unlink(missing_ok=True)


def _mismatch(identity: Identity, me: KnownNode) -> str | None:
    if identity.format != FORMAT:
        return f"is of format {identity.format}, this version reads {FORMAT}"
    if identity.node != me.node:
        return (
            f"belongs to {identity.node}, but this node is configured as {me.node}; "
            f"use --node-id {identity.node}, or another --data-dir"
        )
    before = next((m.raft_addr for m in identity.members if m.node == me.node), me.raft_addr)
    if before != me.raft_addr:
        return (
            f"{me.node} is a member of cluster {identity.cluster_id} at Raft address {before}, but "
            f"is configured to use {me.raft_addr}; keep the address, or start with an empty "
            "--data-dir to join anew"
        )
    return None


def save_formed(data_dir: Path, node: NodeId, formed: Formed) -> None:
    """Keep the cluster `node` is in."""
    identity = Identity(
        node=node, cluster_id=formed.cluster_id, members=formed.members, term=formed.term
    )
    _write(data_dir / NODE_FILE, identity)


def load_promise(data_dir: Path) -> Proposal | None:
    """Return the founding accepted last, None when there was none."""
    return _read(data_dir / FOUNDING_FILE, Proposal)


def save_promise(data_dir: Path, promise: Proposal) -> None:
    """Keep a founding this node accepts."""
    _write(data_dir / FOUNDING_FILE, promise)


def forget_promise(data_dir: Path) -> None:
    """Forget every founding: this node is in its cluster as one that joined."""
    (data_dir / FOUNDING_FILE).unlink(missing_ok=True)
    sync_directory(data_dir)


def _read(path: Path, kind: type[_R]) -> _R | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError as problem:
        raise ConfigInvalid(
            [f"{path} is damaged ({problem}); restore it, or start with an empty --data-dir"]
        ) from problem


def _write(path: Path, value: object) -> None:
    write_whole(path, msgspec.json.format(msgspec.json.encode(value)) + b"\n")
