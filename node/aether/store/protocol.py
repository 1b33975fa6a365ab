"""What the store process and its node say to each other: one msgpack array a frame.

Rules for this file: tags and field order never change; a new field goes last with a default; a
change that the other side cannot read raises `PROTOCOL`. Ids are the client's: a request is
answered under its id once, a watch many times until it failed or was cancelled.
"""

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Annotated, Generic, TypeVar

import msgspec

from aether.core.model.ids import write_id
from aether.core.model.reason import Reason
from aether.core.store.commands import Change, Changes, Entry, Range
from aether.core.store.limits import MAX_COMMAND_BYTES
from aether.frames import FrameError
from aether.ports import Member, MemberStatus

PROTOCOL = 1
MAX_REQUEST_BYTES = MAX_COMMAND_BYTES + 64 * 1024
"""Most bytes of a frame to the store process: a command of the largest size, and what is around it."""
MAX_ANSWER_BYTES = 8 * 1024 * 1024
PART_BYTES = 1024 * 1024
"""Longer answers come in parts of about this much; one entry is never divided."""
MOST_TIMEOUT_MS = 600_000
SOCKET = "store.sock"
"""Name of the socket in the node's `run/`."""

Id = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
TimeoutMs = Annotated[int, msgspec.Meta(ge=1, le=MOST_TIMEOUT_MS)]
Text = Annotated[str, msgspec.Meta(max_length=4096)]


class _Wire(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True, gc=False):
    """Base of every message: an array, closed to fields it does not know."""


# -- what a client asks ----------------------------------------------------------------------------


class Submit(_Wire, tag=1, frozen=True):
    """Commit a command of `core.store.codec`; answered by Done with its result, or Failed."""

    id: Id
    timeout_ms: TimeoutMs
    command: bytes


class Get(_Wire, tag=2, frozen=True):
    """Read one key; answered by Found. `fresh` for a linearizable read."""

    id: Id
    timeout_ms: TimeoutMs
    fresh: bool
    key: Text


class List(_Wire, tag=3, frozen=True):
    """Read what is under `prefix` and not under `without` (unless that is empty); answered by Found.

    `without` goes with neither `start` nor `limit` nor `revision`.
    """

    id: Id
    timeout_ms: TimeoutMs
    fresh: bool
    prefix: Text
    start: Text = ""
    limit: Count = 0
    revision: Count | None = None
    without: Text = ""


class Follow(_Wire, tag=4, frozen=True):
    """Watch `prefix` except `without`; answered by Progress at once, then by every Batch.

    `eager` watches are told of every revision as it is applied, others every few seconds.
    """

    id: Id
    prefix: Text
    after: Count | None = None
    without: Text = ""
    eager: bool = False


class Unfollow(_Wire, tag=5, frozen=True):
    """End a watch; not answered."""

    id: Id


class AskStatus(_Wire, tag=6, frozen=True):
    """Answered by Status."""

    id: Id


class AddMember(_Wire, tag=7, frozen=True):
    """Answered by Done once the member is one."""

    id: Id
    timeout_ms: TimeoutMs
    node: Text
    address: Text
    voter: bool


class RemoveMember(_Wire, tag=8, frozen=True):
    """Answered by Done once the member is gone."""

    id: Id
    timeout_ms: TimeoutMs
    node: Text


class Transfer(_Wire, tag=9, frozen=True):
    """Answered by Done with the name of who leads then."""

    id: Id
    timeout_ms: TimeoutMs
    node: Text | None


class Backup(_Wire, tag=10, frozen=True):
    """Answered by Piece after Piece of a backup (`store.backup`), or Failed.

    Asked on a connection of its own: a client that reads slowly is waited for.
    """

    id: Id
    timeout_ms: TimeoutMs


Request = (
    Submit
    | Get
    | List
    | Follow
    | Unfollow
    | AskStatus
    | AddMember
    | RemoveMember
    | Transfer
    | Backup
)

# -- what the store process answers ----------------------------------------------------------------


class WireMember(_Wire, frozen=True):
    """A `ports.Member`."""

    node: str
    address: str
    voter: bool


class Hello(_Wire, tag=1, frozen=True):
    """The first frame of every connection: who answers here."""

    protocol: int
    node: str
    cluster_id: str
    pid: int


class Done(_Wire, tag=2, frozen=True):
    """What was asked is done; `data` is the result, in a form that depends on what was asked."""

    id: Id
    data: bytes


class Failed(_Wire, tag=3, frozen=True):
    """What was asked is not done, or a watch ended; see `store.failures`."""

    id: Id
    kind: str
    code: str
    message: str
    fields: dict[str, str | int | float | bool | None] = {}


class Found(_Wire, tag=4, frozen=True):
    """Entries read. All parts but the last have `last` false; all are of one revision."""

    id: Id
    revision: Count
    entries: list[Entry]
    more: bool
    last: bool


class Batch(_Wire, tag=5, frozen=True):
    """What one transaction changed under a watch's prefix; all parts but the last have `last` false."""

    id: Id
    revision: Count
    reason: Reason
    changes: list[Change]
    last: bool


class Progress(_Wire, tag=6, frozen=True):
    """A watch has been told of everything up to `revision`."""

    id: Id
    revision: Count
    waiting: Count = 0
    """In the answer to Follow: transactions of the past that come at once."""


class Shape(_Wire, tag=7, frozen=True):
    """Who leads and who takes part; sent after Hello and after every change."""

    leader: str | None
    term: Count
    members: list[WireMember]


class Status(_Wire, tag=8, frozen=True):
    """A `ports.MemberStatus`, field by field."""

    id: Id
    node: str
    engine: str
    role: str
    condition: str
    detail: str
    term: int
    leader: str | None
    commit: int
    applied: int
    first_index: int
    last_index: int
    snapshot_index: int
    members: list[WireMember]
    peers: list[tuple[str, int, str, float]]


class Piece(_Wire, tag=9, frozen=True):
    """Some of what was asked for, in order; the file they make verifies as a whole."""

    id: Id
    data: bytes
    last: bool


Answer = Hello | Done | Failed | Found | Batch | Progress | Shape | Status | Piece

request_decoder: msgspec.msgpack.Decoder[Request] = msgspec.msgpack.Decoder(Request)
answer_decoder: msgspec.msgpack.Decoder[Answer] = msgspec.msgpack.Decoder(Answer)
encoder = msgspec.msgpack.Encoder(enc_hook=write_id)

_HEADER = struct.Struct(">I")
_T = TypeVar("_T")


class Inbox(Generic[_T]):
    """Cuts a stream into frames and decodes them; holds at most one incomplete frame."""

    def __init__(self, decoder: "msgspec.msgpack.Decoder[_T]", limit: int) -> None:
        self._decoder = decoder
        self._limit = limit
        self._rest = bytearray()

    @property
    def waiting_bytes(self) -> int:
        """Bytes of the frame that is not complete yet."""
        return len(self._rest)

    def feed(self, data: bytes) -> list[_T]:
        """Return the messages that `data` completes; raises FrameError when they are none."""
        source: bytes | bytearray = data
        if self._rest:
            self._rest += data
            source = self._rest
        messages: list[_T] = []
        at, end = 0, len(source)
        with memoryview(source) as view:
            while end - at >= _HEADER.size:
                (size,) = _HEADER.unpack_from(view, at)
                if size > self._limit:
                    raise FrameError(f"a frame of {size} bytes is over the limit of {self._limit}")
                begin = at + _HEADER.size
                if end - begin < size:
                    break
                messages.append(self._decoded(view[begin : begin + size]))
                at = begin + size
        if source is self._rest:
            del self._rest[:at]
        elif at < end:
            self._rest += data[at:]
        return messages

    def _decoded(self, frame: memoryview) -> _T:
        try:
            return self._decoder.decode(frame)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as problem:
            raise FrameError(f"not a message: {problem}") from problem
        finally:
            frame.release()


def add_frame(buffer: bytearray, message: Request | Answer) -> None:
    """Append `message` to `buffer` as one frame; raises OverflowError for a number of no size."""
    start = len(buffer)
    buffer += b"\0\0\0\0"
    try:
        encoder.encode_into(message, buffer, -1)
    except BaseException:
        del buffer[start:]
        raise
    _HEADER.pack_into(buffer, start, len(buffer) - start - _HEADER.size)


# -- long answers, in parts ------------------------------------------------------------------------


def found(number: int, answer: Range) -> Iterator[Found]:
    """Yield the parts of a read's answer, at least one."""
    for part, last in _parts(answer.entries, _entry_bytes):
        yield Found(number, answer.revision, part, answer.more, last)


def batches(number: int, changes: Changes) -> Iterator[Batch]:
    """Yield the parts of what one transaction changed, at least one."""
    for part, last in _parts(changes.changes, _change_bytes):
        yield Batch(number, changes.revision, changes.reason, part, last)


def _parts(items: Sequence[_T], size_of: Callable[[_T], int]) -> Iterator[tuple[list[_T], bool]]:
    """Divide `items` by their size; the last part is marked."""
    part: list[_T] = []
    size = 0
    for item in items:
        if size >= PART_BYTES:
            yield part, False
            part, size = [], 0
        part.append(item)
        size += size_of(item)
    yield part, True


def _entry_bytes(entry: Entry) -> int:
    return len(entry.key) + len(entry.value) + 32


def _change_bytes(change: Change) -> int:
    return len(change.key) + 32 + (len(change.entry.value) if change.entry else 0)


# -- values of ports, as they travel ---------------------------------------------------------------


def members_to_wire(members: Iterable[Member]) -> list[WireMember]:
    """Return members as they travel."""
    return [WireMember(member.node, member.address, member.voter) for member in members]


def status_to_wire(number: int, status: MemberStatus) -> Status:
    """Return a member's status as it travels."""
    return Status(
        id=number,
        node=status.node,
        engine=status.engine,
        role=status.role,
        condition=status.condition,
        detail=status.detail,
        term=status.term,
        leader=status.leader,
        commit=status.commit,
        applied=status.applied,
        first_index=status.first_index,
        last_index=status.last_index,
        snapshot_index=status.snapshot_index,
        members=members_to_wire(status.members),
        peers=[(peer.node, peer.match, peer.state, peer.silent_s) for peer in status.peers],
    )
