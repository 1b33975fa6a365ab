"""Bytes of commands and results: one schema byte, then msgpack of a closed tagged union.

Rules for this file: tags and field order never change; a new field goes last with a default; a
change that old members cannot read raises `SCHEMA`.
"""

from dataclasses import dataclass
from typing import Annotated, TypeVar

import msgspec

from aether.core.model.ids import write_id
from aether.core.model.reason import Reason
from aether.core.store.commands import (
    Applied,
    Delete,
    DeletePrefix,
    Guard,
    Operation,
    Outcome,
    Put,
    Refused,
    Txn,
)

SCHEMA = 1
_HEADER = bytes([SCHEMA])

Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


@dataclass(frozen=True, slots=True)
class Noop:
    """Changes nothing; a member that has applied it has applied everything before it."""


Command = Txn | Noop


class _Wire(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """Base of every value on the wire: an array, closed to fields it does not know."""


class _Put(_Wire, tag=1, frozen=True):
    key: str
    value: bytes


class _Delete(_Wire, tag=2, frozen=True):
    key: str


class _DeletePrefix(_Wire, tag=3, frozen=True):
    prefix: str


_Operation = _Put | _Delete | _DeletePrefix


class _Guard(_Wire, frozen=True):
    key: str
    mod_revision: Count


class _Reason(_Wire, frozen=True):
    actor: str
    rule: str
    text: str
    inputs: dict[str, str]


class _Txn(_Wire, tag=1, frozen=True):
    then: tuple[_Operation, ...]
    reason: _Reason
    guards: tuple[_Guard, ...]
    otherwise: tuple[_Operation, ...]
    request_id: str


class _Noop(_Wire, tag=2, frozen=True):
    pass


class _Applied(_Wire, tag=1, frozen=True):
    revision: Count
    deleted: Count


class _Refused(_Wire, tag=2, frozen=True):
    revision: Count
    failed: tuple[_Guard, ...]
    message: str


_T = TypeVar("_T")

_encoder = msgspec.msgpack.Encoder(enc_hook=write_id)
_commands: msgspec.msgpack.Decoder[_Txn | _Noop] = msgspec.msgpack.Decoder(_Txn | _Noop)
_results: msgspec.msgpack.Decoder[_Applied | _Refused] = msgspec.msgpack.Decoder(
    _Applied | _Refused
)


def encode_command(command: Command) -> bytes:
    """Return the bytes of a command; raises ValueError for text or numbers that have no bytes."""
    if isinstance(command, Noop):
        return _HEADER + _encoder.encode(_Noop())
    wire = _Txn(
        then=tuple(_operation_to_wire(operation) for operation in command.then),
        reason=_reason_to_wire(command.reason),
        guards=_guards_to_wire(command.guards),
        otherwise=tuple(_operation_to_wire(operation) for operation in command.otherwise),
        request_id=command.request_id,
    )
    try:
        return _HEADER + _encoder.encode(wire)
    except (OverflowError, msgspec.MsgspecError) as problem:
        raise ValueError(f"the command cannot be written as bytes: {problem}") from problem


def decode_command(data: bytes) -> Command:
    """Return the command that `data` holds; raises ValueError saying what is wrong with it."""
    wire = _decoded(data, _commands)
    if isinstance(wire, _Noop):
        return Noop()
    return Txn(
        then=tuple(_operation_from_wire(operation) for operation in wire.then),
        reason=Reason(wire.reason.actor, wire.reason.rule, wire.reason.text, wire.reason.inputs),
        guards=_guards_from_wire(wire.guards),
        otherwise=tuple(_operation_from_wire(operation) for operation in wire.otherwise),
        request_id=wire.request_id,
    )


def encode_result(outcome: Outcome) -> bytes:
    """Return the bytes of a transaction's outcome."""
    if isinstance(outcome, Applied):
        return _HEADER + _encoder.encode(_Applied(outcome.revision, outcome.deleted))
    failed = _guards_to_wire(outcome.failed)
    return _HEADER + _encoder.encode(_Refused(outcome.revision, failed, outcome.message))


def decode_result(data: bytes) -> Outcome:
    """Return the outcome that `data` holds; raises ValueError saying what is wrong with it."""
    wire = _decoded(data, _results)
    if isinstance(wire, _Applied):
        return Applied(wire.revision, wire.deleted)
    return Refused(wire.revision, _guards_from_wire(wire.failed), wire.message)


def _decoded(data: bytes, decoder: msgspec.msgpack.Decoder[_T]) -> _T:
    if data[:1] != _HEADER:
        raise ValueError(f"schema {data[:1].hex() or 'missing'}; this version reads {SCHEMA}")
    try:
        return decoder.decode(data[1:])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as problem:
        raise ValueError(str(problem)) from problem


def _reason_to_wire(reason: Reason) -> _Reason:
    return _Reason(reason.actor, reason.rule, reason.text, dict(reason.inputs))


def _operation_to_wire(operation: Operation) -> _Operation:
    match operation:
        case Put(key, value):
            return _Put(key, value)
        case Delete(key):
            return _Delete(key)
        case DeletePrefix(prefix):
            return _DeletePrefix(prefix)


def _operation_from_wire(operation: _Operation) -> Operation:
    match operation:
        case _Put():
            return Put(operation.key, operation.value)
        case _Delete():
            return Delete(operation.key)
        case _DeletePrefix():
            return DeletePrefix(operation.prefix)


def _guards_to_wire(guards: tuple[Guard, ...]) -> tuple[_Guard, ...]:
    return tuple(_Guard(guard.key, guard.mod_revision) for guard in guards)


def _guards_from_wire(guards: tuple[_Guard, ...]) -> tuple[Guard, ...]:
    return tuple(Guard(guard.key, guard.mod_revision) for guard in guards)
