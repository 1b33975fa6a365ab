"""W3C Trace Context: the `traceparent` and `tracestate` headers, read, made and passed on.

A request that carries a sound `traceparent` travels on with the very bytes unless its trace is
sampled, and then with one that names the router's own span; one that carries none, or a broken one,
gets a new trace.
"""

import re
from dataclasses import dataclass
from typing import Protocol

from aether.core.tracing.sampling import bound_of

SAMPLED = 0x01
"""The flag that says the caller may record this trace."""
MOST_STATE_CHARS = 512
"""The longest `tracestate` passed on: what the specification asks every platform to carry."""
MOST_STATE_MEMBERS = 32

_PARENT = re.compile(
    rb"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?"
)
_STATE_KEY = re.compile(rb"[a-z0-9][a-z0-9_\-*/]{0,240}(?:@[a-z][a-z0-9_\-*/]{0,13})?")
_STATE_VALUE = re.compile(rb"[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]")


class Bits(Protocol):
    """Where ids come from; `random.Random` is one, and so is `random.SystemRandom`."""

    def getrandbits(self, k: int, /) -> int:
        """Return a whole number of `k` random bits."""
        ...


@dataclass(frozen=True, slots=True)
class TraceParent:
    """A `traceparent` taken apart: ids in lower-case hexadecimal digits."""

    trace_id: str
    span_id: str
    flags: int

    @property
    def is_sampled(self) -> bool:
        """Whether the caller may record this trace."""
        return bool(self.flags & SAMPLED)

    def header(self) -> bytes:
        """Return the value of the header."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags:02x}".encode("ascii")

    def child(self, bits: Bits) -> "TraceParent":
        """Return the context for a request made on behalf of this one: same trace, another span."""
        return TraceParent(self.trace_id, f"{bits.getrandbits(64) | 1:016x}", self.flags & SAMPLED)


def read_traceparent(value: bytes | None) -> TraceParent | None:
    """Return a `traceparent` taken apart; None when it is absent or not sound.

    Versions after 00 are read as version 00, with whatever follows it left out.
    """
    match = _sound(value) if value else None
    if match is None:
        return None
    return TraceParent(match[1].decode("ascii"), match[2].decode("ascii"), int(match[3], 16))


def _sound(value: bytes) -> re.Match[bytes] | None:
    match = _PARENT.fullmatch(value)
    if match is None or len(value) == 55 or not value.startswith(b"00"):
        return match
    return None


class TraceParents:
    """Gives each request the `traceparent` it travels on with.

    New ones are made `_BATCH` at a time: one by one costs twice as much.
    """

    __slots__ = ("_bits", "_bound", "_made")

    def __init__(self, bits: Bits, sample: float = 0.0) -> None:
        """`sample` is the share of new traces that are sampled, 0 to 1."""
        self._bits = bits
        self._bound = bound_of(sample)
        self._made: list[bytes] = []

    def sample(self, share: float) -> None:
        """Have this share of the traces made from now on sampled."""
        self._bound = bound_of(share)
        self._made = []

    def following(self, incoming: bytes | None) -> bytes:
        """Return the incoming value when it is sound, else that of a new trace."""
        if incoming and _sound(incoming) is not None:
            return incoming
        return self.new()

    def new(self) -> bytes:
        """Return that of a new trace."""
        if not self._made:
            self._made = self._make()
        return self._made.pop()

    def _make(self) -> list[bytes]:
        number = self._bits.getrandbits(_BATCH * _ID_BITS) | _NOT_ZERO
        digits = number.to_bytes(_BATCH * _ID_BITS // 8, "big").hex().encode("ascii")
        bound = self._bound
        # To join takes a third of the time that formatting takes; `is_below`, written out: so does a call.
        return [
            b"".join((b"00-", trace_id, b"-", span_id, b"-01" if random < bound else b"-00"))
            for trace_id, random, span_id in _IDS.findall(digits)
        ]


_BATCH = 64
_IDS = re.compile(rb"(.{18}(.{14}))(.{16})")
"""The id of a trace, the digits of it that decide whether it is sampled, and the id of a span."""
_ID_BITS = 192
"""128 of the trace, 64 of the span."""
_NOT_ZERO = sum(((1 << 64) | 1) << (place * _ID_BITS) for place in range(_BATCH))
"""The lowest bit of every id, always set: none is all zeros, whatever the dice."""


def trace_id_of(traceparent: bytes) -> str:
    """Return the trace's id of a sound `traceparent`, as logs name it."""
    return traceparent[3:35].decode("ascii")


def sound_tracestate(value: bytes | None) -> bytes:
    """Return a `tracestate` fit to be passed on, empty when it is absent or not sound.

    It is of no meaning without a sound `traceparent`, and not passed on then.
    """
    if not value or len(value) > MOST_STATE_CHARS:
        return b""
    members = [member.strip(b" \t") for member in value.split(b",")]
    members = [member for member in members if member]  # empty ones are allowed and mean nothing
    keys = set[bytes]()
    for member in members:
        key, equals, text = member.partition(b"=")
        if not equals or key in keys or not _STATE_KEY.fullmatch(key):
            return b""
        if not _STATE_VALUE.fullmatch(text):
            return b""
        keys.add(key)
    return b",".join(members) if len(members) <= MOST_STATE_MEMBERS else b""
