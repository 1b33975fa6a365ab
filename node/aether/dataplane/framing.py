"""Where a body ends, and how it is framed anew: by length, in chunks, or until the peer closes.

Each reader takes bytes as they come and gives back payload, what follows the body, and whether the
body has ended. Chunked bodies are taken apart and chunked again, so that nothing this side did
not understand reaches the other. Chunk extensions are dropped, and so are trailers but for those
that were announced and may travel.
"""

import re
from typing import Protocol

from aether.dataplane.trailers import NO_TRAILERS

MAX_CHUNK_LINE_BYTES = 256
MAX_TRAILER_BYTES = 8 * 1024

_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?")
_TRAILER_LINE = re.compile(rb"[!#-'*+.0-9A-Z^-z|~-]+:[\t\x20-\x7e\x80-\xff]*")


class FramingError(ValueError):
    """The body's framing is broken; nothing after this point can be trusted."""


class BodyReader(Protocol):
    """Cuts a body out of a stream of bytes."""

    @property
    def trailers(self) -> bytes:
        """Header lines that came after the body and may travel on; whole once the body ended."""
        ...

    def feed(self, data: bytes) -> tuple[bytes, bytes, bool]:
        """Return payload, bytes after the body, and whether it ended; may raise FramingError."""
        ...


class LengthBody:
    """A body of a length announced beforehand."""

    __slots__ = ("_left",)
    trailers = b""

    def __init__(self, length: int) -> None:
        self._left = length

    def feed(self, data: bytes) -> tuple[bytes, bytes, bool]:
        """See BodyReader."""
        if len(data) <= self._left:
            self._left -= len(data)
            return data, b"", self._left == 0
        payload, rest = data[: self._left], data[self._left :]
        self._left = 0
        return payload, rest, True


class UntilClose:
    """A response body that ends with its connection."""

    __slots__ = ()
    trailers = b""

    def feed(self, data: bytes) -> tuple[bytes, bytes, bool]:
        """See BodyReader; the end is told by the connection."""
        return data, b"", False


class ChunkedBody:
    """A body in chunks; of its trailers those are kept that are named in `announced`, in lower case."""

    __slots__ = (
        "_announced",
        "_held",
        "_in_chunk",
        "_in_trailer",
        "_left",
        "_trailer_bytes",
        "trailers",
    )

    def __init__(self, announced: frozenset[bytes] = NO_TRAILERS) -> None:
        self._announced = announced
        self.trailers = b""
        self._held = b""
        self._left = 0
        self._in_chunk = False
        self._in_trailer = False
        self._trailer_bytes = 0

    def feed(self, data: bytes) -> tuple[bytes, bytes, bool]:
        """See BodyReader."""
        if self._held:
            data = self._held + data
            self._held = b""
        parts: list[bytes] = []
        position, ended = 0, False
        while not ended:
            if self._in_chunk:
                step = self._take_chunk(data, position, parts)
            else:
                step, ended = self._take_line(data, position)
            if step < 0:
                self._held = data[position:]
                return b"".join(parts), b"", False
            position = step
        return b"".join(parts), data[position:], True

    def _take_chunk(self, data: bytes, position: int, parts: list[bytes]) -> int:
        """Take what is there of a chunk and its line end; return the new position or -1."""
        if self._left:
            payload = data[position : position + self._left]
            if not payload:
                return -1
            parts.append(payload)
            self._left -= len(payload)
            return position + len(payload)
        end = data[position : position + 2]
        if end == b"\r\n":
            self._in_chunk = False
            return position + 2
        if end in (b"", b"\r"):
            return -1
        raise FramingError("a chunk is longer than its announced size")

    def _take_line(self, data: bytes, position: int) -> tuple[int, bool]:
        """Take a size line or a trailer line; return the new position or -1, and the end."""
        limit = MAX_TRAILER_BYTES if self._in_trailer else MAX_CHUNK_LINE_BYTES
        end = data.find(b"\r\n", position, position + limit)
        if end < 0:
            if len(data) - position >= limit:
                raise FramingError(f"a chunk's size line or trailer is over {limit} bytes")
            return -1, False
        line = data[position:end]
        if self._in_trailer:
            return end + 2, self._read_trailer(line)
        size = _SIZE_LINE.fullmatch(line)
        if size is None:
            raise FramingError("a chunk begins without a size in hexadecimal")
        self._left = int(size[1], 16)
        self._in_trailer = self._left == 0
        self._in_chunk = not self._in_trailer
        return end + 2, False

    def _read_trailer(self, line: bytes) -> bool:
        if not line:
            return True
        self._trailer_bytes += len(line)
        if self._trailer_bytes > MAX_TRAILER_BYTES:
            raise FramingError(f"trailers are over {MAX_TRAILER_BYTES} bytes")
        if _TRAILER_LINE.fullmatch(line) is None:
            raise FramingError("a trailer is not a header line")
        if line[: line.index(b":")].lower() in self._announced:
            self.trailers += line + b"\r\n"
        return False


def last_chunk(trailers: bytes) -> bytes:
    """Return the end of a chunked body with trailers, whole header lines; b"" for none."""
    return b"0\r\n%b\r\n" % trailers


def chunk(payload: bytes) -> bytes:
    """Return `payload` as one chunk; nothing for no payload, which would end the body."""
    return b"%x\r\n%b\r\n" % (len(payload), payload) if payload else b""
