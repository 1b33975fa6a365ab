"""Bytes of commands and results: one schema byte, then msgpack of a closed tagged union.

Rules for this file: what `encode_command` wrote once is read for ever. Encoding is canonical: a
command that can be decoded encodes to the very bytes it was decoded from, or is refused.

- Schema 1 knew neither leases nor refusal codes; it is read, never written.
- Schema 2 knew reasons without rejected alternatives and time; it is read, never written.
- Schema 3 is what is written.
"""

import msgspec

from aether.core.model.ids import write_id
from aether.core.store.commands import Applied, Command, Noop, Outcome, Refused
from aether.core.store.yesterday import decode_command_1, decode_command_2

__all__ = ["SCHEMA", "Noop", "decode_command", "decode_result", "encode_command", "encode_result"]

SCHEMA = 3
_HEADER = bytes([SCHEMA])
_YESTERDAY = {b"\x01": decode_command_1, b"\x02": decode_command_2}
_READABLE = (1, 2, SCHEMA)

_encoder = msgspec.msgpack.Encoder(enc_hook=write_id)
_commands: msgspec.msgpack.Decoder[Command] = msgspec.msgpack.Decoder(Command)
_results: msgspec.msgpack.Decoder[Outcome] = msgspec.msgpack.Decoder(Applied | Refused)


def encode_command(command: Command) -> bytes:
    """Return the bytes of a command; raises ValueError for text or numbers that have no bytes."""
    try:
        return _HEADER + _encoder.encode(command)
    except (OverflowError, msgspec.MsgspecError) as problem:
        raise ValueError(f"the command cannot be written as bytes: {problem}") from problem


def decode_command(data: bytes) -> Command:
    """Return the command that `data` holds; raises ValueError saying what is wrong with it."""
    body = data[1:]
    if data[:1] != _HEADER:
        return _of_yesterday(data[:1], body)
    try:
        command = _commands.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as problem:
        raise ValueError(str(problem)) from problem
    if _encoder.encode(command) != body:
        raise ValueError("not the canonical bytes of the command they hold")
    return command


def _of_yesterday(schema: bytes, body: bytes) -> Command:
    decode = _YESTERDAY.get(schema)
    if decode is None:
        raise _unknown(schema)
    try:
        return decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as problem:
        raise ValueError(str(problem)) from problem


def encode_result(outcome: Outcome) -> bytes:
    """Return the bytes of a command's outcome."""
    return _HEADER + _encoder.encode(outcome)


def decode_result(data: bytes) -> Outcome:
    """Return the outcome that `data` holds; raises ValueError saying what is wrong with it."""
    if not data or data[0] not in _READABLE:
        raise _unknown(data[:1])
    try:
        return _results.decode(data[1:])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as problem:
        raise ValueError(str(problem)) from problem


def _unknown(schema: bytes) -> ValueError:
    return ValueError(f"schema {schema.hex() or 'missing'}; this version reads 01 to {SCHEMA:02x}")
