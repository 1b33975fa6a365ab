"""What members say to each other: a closed set of bounded messages, with no pickle among them.

Each mirrors one message of PySyncObj. `AppendAnswer` carries the term that the library's own lacks,
so that a late answer is not credited to a later leadership.
"""

from typing import Annotated

import msgspec

from aether.store.pysyncobj.commands import LogCommand

PROTOCOL = 1
MAX_FRAME_BYTES = 16 * 1024 * 1024

Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_Name = Annotated[str, msgspec.Meta(max_length=256)]


class _Wire(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """Base of every message: an array, closed to fields it does not know."""


class Hello(_Wire, frozen=True, tag=1):
    """First frame of a connection, both ways: who speaks, and which of its connections this is."""

    protocol: Count
    cluster_id: _Name
    node: _Name
    incarnation: _Name
    connection: Count


class Ping(_Wire, frozen=True, tag=2):
    """Shows that an idle peer lives."""


class VoteRequest(_Wire, frozen=True, tag=3):
    """A candidate asks for a vote."""

    term: Count
    last_log_index: Count
    last_log_term: Count


class VoteGranted(_Wire, frozen=True, tag=4):
    """A vote."""

    term: Count


class LogEntry(_Wire, frozen=True):
    """One entry of the log."""

    index: Count
    term: Count
    command: LogCommand


class Append(_Wire, frozen=True, tag=5):
    """The leader's entries, or its heartbeat when there are none."""

    term: Count
    commit_index: Count
    prev_index: Count | None
    prev_term: Count | None
    entries: list[LogEntry]


class DumpChunk(_Wire, frozen=True, tag=6):
    """A piece of the leader's dump; without data while the leader writes one."""

    term: Count
    data: bytes | None
    first: bool
    last: bool


class AppendAnswer(_Wire, frozen=True, tag=7):
    """How far a follower's log agrees with the leader's of `term`."""

    term: Count
    next_index: Count
    reset: bool
    success: bool


class Forward(_Wire, frozen=True, tag=8):
    """A follower hands a command to the leader."""

    command: LogCommand
    request: Count


class Forwarded(_Wire, frozen=True, tag=9):
    """Where the leader put a forwarded command."""

    request: Count
    log_index: Count
    log_term: Count


class ForwardRefused(_Wire, frozen=True, tag=10):
    """Why a forwarded command is not in the log; a code of PySyncObj's FAIL_REASON."""

    request: Count
    error: Count


class LeadNow(_Wire, frozen=True, tag=11):
    """The leader asks a follower to take over."""

    term: Count


Message = (
    VoteRequest
    | VoteGranted
    | Append
    | DumpChunk
    | AppendAnswer
    | Forward
    | Forwarded
    | ForwardRefused
    | LeadNow
)

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Hello | Ping | Message] = msgspec.msgpack.Decoder(
    Hello | Ping | Message
)


class BadMessage(ValueError):
    """Bytes that are no message of ours, or a message that says the impossible."""


def encode(message: Hello | Ping | Message) -> bytes:
    """Return the bytes of a message."""
    return _encoder.encode(message)


def decode(body: bytes) -> Hello | Ping | Message:
    """Return the message `body` holds; raises BadMessage."""
    try:
        message = _decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as problem:
        raise BadMessage(f"not a message: {problem}") from problem
    if isinstance(message, Append) and message.entries:
        _check_order(message)
    return message


def _check_order(message: Append) -> None:
    first = message.entries[0].index
    if [entry.index for entry in message.entries] != [
        first + offset for offset in range(len(message.entries))
    ]:
        raise BadMessage(f"entries from index {first} on are not in order")
    if message.prev_index is not None and message.prev_index + 1 != first:
        raise BadMessage(f"entries from index {first} on do not follow {message.prev_index}")
