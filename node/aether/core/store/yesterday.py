"""What earlier schemas wrote and this one still reads: commands of 1 and 2, snapshots of 1.

A snapshot of schema 2 is what is written today. Types stand here as they were: what a member of
then refused must be refused when its log is read again.
"""

import hashlib
from collections.abc import Mapping

import msgspec

from aether.core.model.ids import write_id
from aether.core.model.reason import Reason
from aether.core.store.commands import (
    Command,
    Entry,
    Guard,
    LeaseExpire,
    LeaseGrant,
    LeaseId,
    LeaseRenew,
    LeaseRevoke,
    Noop,
    Operation,
    Txn,
)
from aether.core.store.requests import Answer, Requests
from aether.core.store.state import Entries, KvState

_HEADER = b"AEKV\x01"
_DIGEST_BYTES = 32


class _Value(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True, gc=False):
    """As `commands._Value`."""


class _Reason(_Value, frozen=True):
    actor: str
    rule: str
    text: str
    inputs: Mapping[str, str] = {}

    def today(self) -> Reason:
        return Reason(self.actor, self.rule, self.text, self.inputs)


class _Txn(_Value, frozen=True, tag=1):
    then: tuple[Operation, ...]
    reason: _Reason
    guards: tuple[Guard, ...] = ()
    otherwise: tuple[Operation, ...] = ()
    request_id: str = ""


class _LeaseRevoke(_Value, frozen=True, tag=5):
    lease: LeaseId
    reason: _Reason
    request_id: str = ""


_Command = _Txn | Noop | LeaseGrant | LeaseRenew | _LeaseRevoke | LeaseExpire
_commands: msgspec.msgpack.Decoder[_Command] = msgspec.msgpack.Decoder(_Command)
_encoder = msgspec.msgpack.Encoder(enc_hook=write_id)


def decode_command_1(body: bytes) -> Command:
    """Return a command of schema 1; raises msgspec's errors for what is none."""
    return _today(_commands.decode(body))


def decode_command_2(body: bytes) -> Command:
    """Return a command of schema 2; raises ValueError or msgspec's errors for what is none."""
    command = _commands.decode(body)
    if _encoder.encode(command) != body:
        raise ValueError("not the canonical bytes of the command they hold")
    return _today(command)


def _today(command: _Command) -> Command:
    match command:
        case _Txn(then, reason, guards, otherwise, request_id):
            return Txn(then, reason.today(), guards, otherwise, request_id)
        case _LeaseRevoke(lease, reason, request_id):
            return LeaseRevoke(lease, reason.today(), request_id)
        case _:
            return command


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
