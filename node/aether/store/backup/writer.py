"""The bytes of a backup, piece by piece, while the store goes on."""

import hashlib
from collections.abc import Iterable, Iterator

import msgspec

from aether.config.version import aether_version
from aether.core.model.ids import NodeId
from aether.core.store.machine import KvMachine
from aether.store.backup.format import OPENING, End, Head, Kind, frame


def backup_pieces(
    machine: KvMachine, cluster_id: str, node: NodeId, taken_ms: int
) -> Iterator[bytes]:
    """Return the backup of the state as of this call, in pieces of some 64 KiB, to be joined.

    Call it behind a read barrier, and the backup holds everything acknowledged before. The machine
    may go on between pieces.
    """
    head = Head(
        cluster_id=cluster_id,
        node=node,
        version=aether_version(),
        taken_ms=taken_ms,
        revision=machine.revision,
        time_ms=machine.time_ms,
        digest=machine.digest(),
    )
    return _pieces(head, machine.snapshot())


def _pieces(head: Head, parts: Iterable[bytes]) -> Iterator[bytes]:
    state, whole = hashlib.sha256(), hashlib.sha256()
    count = size = 0
    piece = OPENING + frame(Kind.HEAD, 0, msgspec.msgpack.encode(head))
    whole.update(piece)
    yield piece
    for part in parts:
        count += 1
        size += len(part)
        state.update(part)
        piece = frame(Kind.PART, count, part)
        whole.update(piece)
        yield piece
    end = End(parts=count, size=size, state_hash=state.hexdigest(), whole=whole.digest())
    yield frame(Kind.END, count + 1, msgspec.msgpack.encode(end))
