"""Bytes of the whole state: magic, schema, digest of the rest, then msgpack."""

import hashlib

import msgspec

from aether.core.store.commands import Entry
from aether.core.store.requests import Answer, Requests
from aether.core.store.state import KvState

MAGIC = b"AEKV"
SCHEMA = 1
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


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Snapshot)


def encode_snapshot(state: KvState, requests: Requests) -> bytes:
    """Return the bytes of a state; equal states have equal bytes."""
    body = _encoder.encode(
        _Snapshot(
            revision=state.revision,
            entries=[
                _Entry(e.key, e.value, e.create_revision, e.mod_revision, e.version)
                for e in state.under("")
            ],
            requests=[
                _Request(name, a.applied, a.revision, a.deleted, a.failed) for name, a in requests
            ],
        )
    )
    return MAGIC + bytes([SCHEMA]) + _digest(body) + body


def decode_snapshot(data: bytes) -> tuple[KvState, Requests]:
    """Return the state `data` holds; raises ValueError when it is damaged or of another schema."""
    header = MAGIC + bytes([SCHEMA])
    if data[: len(header)] != header:
        raise ValueError(f"not a snapshot of schema {SCHEMA}: it begins with {data[:5].hex()}")
    body = data[len(header) + _DIGEST_BYTES :]
    if data[len(header) : len(header) + _DIGEST_BYTES] != _digest(body):
        raise ValueError(f"a damaged snapshot: the digest of its {len(body)} bytes does not match")
    try:
        wire = _decoder.decode(body)
    except msgspec.MsgspecError as problem:
        raise ValueError(f"a damaged snapshot: {problem}") from problem
    entries = [
        Entry(e.key, e.value, e.create_revision, e.mod_revision, e.version) for e in wire.entries
    ]
    requests = Requests(
        (r.request_id, Answer(r.applied, r.revision, r.deleted, r.failed)) for r in wire.requests
    )
    return KvState.of(wire.revision, entries), requests


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()
