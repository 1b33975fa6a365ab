"""The whole state in parts of some 64 KiB: written as of one moment, read back part by part.

The first part is magic, schema and a header; every other is a letter and the msgpack of a list.
They come in the order leases, entries, requests. Checksums are the business of whoever keeps the
parts; what is read is still held against the header, so that a missing part is noticed.

Schema 1 was one blob with a digest of its own; it is read (`yesterday`), never written.
"""

from collections.abc import Callable, Iterator

import msgspec

from aether.core.store.chain import Chain
from aether.core.store.commands import Entry, LeaseId
from aether.core.store.leases import LeaseRecord, Leases
from aether.core.store.requests import Given, Requests
from aether.core.store.state import Entries, KvState
from aether.core.store.yesterday import decode_snapshot_1

MAGIC = b"AEKV"
SCHEMA = 2
PART_BYTES = 64 * 1024
_PART_ITEMS = 1024
_LEASES, _ENTRIES, _REQUESTS = b"L", b"E", b"R"


class Replicated(msgspec.Struct):
    """Everything equal logs make equal: what a snapshot holds."""

    state: KvState
    requests: Requests
    time_ms: int = 0
    chain: Chain = msgspec.field(default_factory=Chain)


class _Header(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    revision: int
    time_ms: int
    digest: bytes
    unchained: bytes
    last_lease: LeaseId
    first_request: int
    marks: tuple[tuple[int, int], ...]
    leases: int
    entries: int
    requests: int


_encoder = msgspec.msgpack.Encoder()
_headers = msgspec.msgpack.Decoder(_Header)
_lease_lists = msgspec.msgpack.Decoder(list[LeaseRecord])
_entry_lists = msgspec.msgpack.Decoder(list[Entry])
_request_lists = msgspec.msgpack.Decoder(list[tuple[str, Given]])


def snapshot_parts(replicated: Replicated) -> Iterator[bytes]:
    """Return the parts of the state as it stands at this call; it may change between parts.

    The call copies keys, ids and answers; entries are kept from changing (see `state.Moment`).
    """
    state, requests = replicated.state, replicated.requests
    leases, moment = list(state.leases), state.moment()
    ids, given = requests.copied()
    header = _Header(
        revision=state.revision,
        time_ms=replicated.time_ms,
        digest=replicated.chain.digest_before,
        unchained=bytes(replicated.chain.waiting),
        last_lease=state.leases.last,
        first_request=requests.first,
        marks=requests.marks,
        leases=len(leases),
        entries=len(moment.keys),
        requests=len(ids),
    )

    def parts() -> Iterator[bytes]:
        yield MAGIC + bytes([SCHEMA]) + _encoder.encode(header)
        for start in range(0, len(leases), _PART_ITEMS):
            yield _LEASES + _encoder.encode(leases[start : start + _PART_ITEMS])
        for group in _grouped(map(moment.entry, moment.keys)):
            yield _ENTRIES + _encoder.encode(group)
        while ids:
            # Taken out as they are written: freeing all of them at once would take a millisecond.
            count = min(_PART_ITEMS, len(ids))
            some = [(ids.popleft(), given.popleft()) for _ in range(count)]
            yield _REQUESTS + _encoder.encode(some)

    return parts()


def _grouped(entries: Iterator[Entry]) -> Iterator[list[Entry]]:
    """Cut entries into lists of `PART_BYTES`; an entry is never divided."""
    group: list[Entry] = []
    size = 0
    for entry in entries:
        group.append(entry)
        size += len(entry.key) + len(entry.value) + 24
        if size >= PART_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


class Restoration:
    """A state being rebuilt part by part; `install` is handed the whole of it in the end."""

    def __init__(self, install: Callable[[Replicated], None]) -> None:
        self._install = install
        self._header: _Header | None = None
        self._yesterday: list[bytes] = []
        self._leases: list[LeaseRecord] = []
        self._entries = Entries()
        self._last_key = ""
        self._requests: list[tuple[str, Given]] = []

    def feed(self, part: bytes) -> None:
        """Take the next part of a snapshot; raises ValueError when it is damaged."""
        if self._yesterday:
            self._yesterday.append(part)
        elif self._header is None:
            self._begin(part)
        else:
            try:
                self._take(part)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as problem:
                raise ValueError(f"a damaged part of a snapshot: {problem}") from problem

    def _begin(self, part: bytes) -> None:
        magic, schema = part[: len(MAGIC)], part[len(MAGIC) : len(MAGIC) + 1]
        if magic != MAGIC or schema not in (b"\x01", bytes([SCHEMA])):
            raise ValueError(
                f"not a snapshot this version reads (schema 1 to {SCHEMA}): "
                f"it begins with {part[:5].hex()}"
            )
        if schema == b"\x01":
            self._yesterday.append(part)
            return
        try:
            self._header = _headers.decode(part[len(MAGIC) + 1 :])
        except msgspec.MsgspecError as problem:
            raise ValueError(f"a damaged snapshot's header: {problem}") from problem

    def _take(self, part: bytes) -> None:
        body = memoryview(part)[1:]
        match part[:1]:
            case b"L":
                self._leases += _lease_lists.decode(body)
            case b"E":
                self._take_entries(_entry_lists.decode(body))
            case b"R":
                self._requests += _request_lists.decode(body)
            case kind:
                raise ValueError(f"a part of a snapshot of unknown kind {kind.hex() or 'none'}")

    def _take_entries(self, entries: list[Entry]) -> None:
        for entry in entries:
            if entry.key <= self._last_key:
                raise ValueError(f"key {entry.key!r} of a snapshot is out of order")
            self._last_key = entry.key
        self._entries.take(entries)

    def finish(self) -> None:
        """Hand the state over; raises ValueError when parts are missing or do not fit together."""
        if self._yesterday:
            self._install(Replicated(*decode_snapshot_1(b"".join(self._yesterday))))
            return
        header = self._header
        if header is None:
            raise ValueError("an empty snapshot: it has not even a header")
        found = len(self._leases), len(self._entries.by_key), len(self._requests)
        if found != (header.leases, header.entries, header.requests):
            raise ValueError(
                f"a snapshot with {found} leases, entries, requests, where its header tells "
                f"({header.leases}, {header.entries}, {header.requests}): parts are missing"
            )
        leases = Leases(header.last_lease)
        for record in self._leases:
            leases.put(record)
        state = KvState(header.revision, self._entries, leases)
        requests = Requests(self._requests, header.marks, header.first_request)
        if len(requests) != header.requests:
            raise ValueError("a damaged snapshot: a request id stands in it twice")
        chain = Chain(header.digest, header.unchained)
        self._install(Replicated(state, requests, header.time_ms, chain))
