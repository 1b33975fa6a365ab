"""One answer of a WSGI application: `start_response`, `write` and the iterable, as PEP 3333 rules.

It runs in the thread of the request and speaks to a `Sink`; nothing here knows of the event loop.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol

Fields = tuple[tuple[bytes, bytes], ...]
ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]
Write = Callable[[bytes], None]

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_STATUS = re.compile(r"[2-9]\d\d( [^\r\n\0]*)?")
_BREAKS = re.compile(r"[\r\n\0]")
_BODILESS = frozenset({204, 304})


class ProtocolBroken(Exception):
    """The application does what PEP 3333 forbids; the message says what."""


class CutShort(Exception):
    """The answer's body ended before its declared length: the client must not take it for whole."""


class Sink(Protocol):
    """Where an answer goes; every method may wait for a slow client and raise when it has left."""

    def start(self, status: int, headers: Fields) -> None:
        """Send the head."""
        ...

    def put(self, block: bytes) -> None:
        """Send a block of the body, which is not empty."""
        ...

    def finish(self) -> None:
        """Send the end."""
        ...


@dataclass(frozen=True, slots=True)
class _Head:
    status: int
    headers: Fields
    length: int | None

    @property
    def is_bodiless(self) -> bool:
        return self.status in _BODILESS


class Answer:
    """What the application says, put in order and passed on."""

    def __init__(self, sink: Sink, method: str) -> None:
        self._sink = sink
        self._is_head = method == "HEAD"
        self._head: _Head | None = None
        self._is_started = False
        self._sent = 0

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: ExcInfo | None = None
    ) -> Write:
        """Take the head; it leaves with the first block of the body.

        With `exc_info` it replaces the one before, or raises that error when it is too late.
        """
        try:
            if exc_info is not None:
                if self._is_started:
                    raise exc_info[1].with_traceback(exc_info[2])
            elif self._head is not None:
                raise ProtocolBroken(
                    "start_response was called twice, the second time without exc_info"
                )
            self._head = _read_head(status, headers)
        finally:
            exc_info = None  # else the traceback and this frame would keep each other alive
        return self._write

    def _write(self, block: bytes) -> None:
        self._pass(block)

    def send(self, result: Iterable[bytes]) -> None:
        """Pass on the body, a block at a time, and the end.

        A list's length is known, so it is told; what is not to be sent is not asked for. Raises
        ProtocolBroken, CutShort, and whatever the iterable raises.
        """
        total = _total(result) if not self._is_started else None
        for block in result:
            if not self._pass(block, total):
                break
        head = self._begun(0)
        expected = head.length
        if not (self._is_head or head.is_bodiless or expected is None) and self._sent < expected:
            raise CutShort(f"content-length says {expected} bytes, the body had {self._sent}")
        self._sink.finish()

    def _pass(self, block: bytes, total: int | None = None) -> bool:
        """Send a block and say whether more can be sent."""
        if not isinstance(block, bytes):
            raise ProtocolBroken(f"a block of the body is {type(block).__name__}, not bytes")
        if not block:
            return True
        head = self._begun(total)
        if self._is_head or head.is_bodiless:
            return False
        if head.length is not None:
            block = block[: head.length - self._sent]  # PEP 3333: no byte over what was declared
        if block:
            self._sink.put(block)
            self._sent += len(block)
        return head.length is None or self._sent < head.length

    def _begun(self, total: int | None) -> _Head:
        """Return the head, which has left; `total` is the length of the body where that is known."""
        head = self._head
        if head is None:
            raise ProtocolBroken("a body came before start_response was called")
        if self._is_started:
            return head
        if head.length is None and total is not None and self._may_tell(head, total):
            head = _Head(head.status, (*head.headers, (b"content-length", b"%d" % total)), total)
        self._head, self._is_started = head, True
        self._sink.start(head.status, head.headers)
        return head

    def _may_tell(self, head: _Head, total: int) -> bool:
        """Whether a length belongs into the head: no body may mean that HEAD was answered without one."""
        return not head.is_bodiless and (total > 0 or not self._is_head)


def _total(result: Any) -> int | None:  # noqa: ANN401 - whatever an application returns
    """Return the length of a body that is here already, None of one that is still to be made."""
    if type(result) not in (list, tuple) or not all(type(block) is bytes for block in result):
        return None
    return sum(map(len, result))


def _read_head(status: object, headers: list[tuple[str, str]]) -> _Head:
    """Check what the application said, and return it as it travels."""
    code = _read_status(status) if isinstance(status, str) else None
    if code is None:
        raise ProtocolBroken(f"status {status!r} should look like '200 OK'")
    length: int | None = None
    fields: list[tuple[bytes, bytes]] = []
    for item in headers:
        name, value = _read_field(item)
        if name == b"content-length":
            if code == 204:
                continue
            length = _read_length(value)
        fields.append((name, value))
    return _Head(code, tuple(fields), length)


def _read_status(status: str) -> int | None:
    return int(status[:3]) if _STATUS.fullmatch(status) else None


def _read_name(name: str) -> bytes | None:
    return name.lower().encode("ascii") if _TOKEN.fullmatch(name) else None


def _read_field(item: tuple[str, str]) -> tuple[bytes, bytes]:
    match item:
        case (str(name), str(value)) if (raw := _read_name(name)) and not _BREAKS.search(value):
            try:
                return raw, value.strip().encode("latin-1")
            except UnicodeEncodeError as problem:
                raise ProtocolBroken(f"header {name}: {value!r} is not Latin-1") from problem
    raise ProtocolBroken(
        f"{item!r} is no header: expected a name and a value on one line, both text"
    )


def _read_length(value: bytes) -> int:
    if not re.fullmatch(rb"\d{1,18}", value):
        raise ProtocolBroken(f"content-length {value!r} is not a number of bytes")
    return int(value)
