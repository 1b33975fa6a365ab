"""Snapshots as schema 1 wrote them, before there were leases, times and parts."""

import hashlib

import msgspec

from aether.core.store.commands import Entry
from aether.core.store.requests import Answer, Requests
from aether.core.store.state import Entries, KvState

_HEADER = b"AEKV\x01"
_DIGEST_BYTES = 32


class _Entry(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    key: str
    value: bytes
    create_revision: int
    mod_revision: int
    version: int


class _Request(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    request_id: str
    applied: bool
    revision: int
    deleted: int
    failed: tuple[int, ...]


class _Snapshot(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    revision: int
    entries: list[_Entry]
    requests: list[_Request]


_decoder = msgspec.msgpack.Decoder(_Snapshot)


def decode_snapshot_1(data: bytes) -> tuple[KvState, Requests]:
    """Return the state a snapshot of schema 1 holds; raises ValueError when it is damaged.

    Its request ids count as applied at time 0.
    """
    body = data[len(_HEADER) + _DIGEST_BYTES :]
    digest = hashlib.sha256(body).digest()
    if data != _HEADER + digest + body:
        raise ValueError(f"a damaged snapshot: the digest of its {len(body)} bytes does not match")
    try:
        wire = _decoder.decode(body)
    except msgspec.MsgspecError as problem:
        raise ValueError(f"a damaged snapshot: {problem}") from problem
    entries = [
        Entry(e.key, e.value, e.create_revision, e.mod_revision, e.version) for e in wire.entries
    ]
    answers = [
        (r.request_id, Answer(r.applied, r.revision, r.deleted, r.failed)) for r in wire.requests
    ]
    marks = ((0, 0),) if answers else ()
    taken = Entries()
    taken.take(entries)
    return KvState(wire.revision, taken), Requests(answers, marks)
