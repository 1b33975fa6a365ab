"""`wsgi.input`: the body of a request as a file, read in a thread while it comes in on the loop."""

import io
import shutil
import tempfile
from collections.abc import Callable
from typing import IO

from aether.sdk import HttpError

Fetch = Callable[[], bytes | None]
"""Waits for the next piece of the body; None at its end. Raises OSError when it will not come."""

SMALL_BYTES = 64 * 1024
"""Up to here a body is waited for before a thread is taken: a slow client keeps none busy."""
BUFFER_BYTES = 64 * 1024
IN_MEMORY_BYTES = 256 * 1024
"""Of a body whose length the client does not tell; what is longer goes to a temporary file."""


class BodyRefused(OSError):
    """The body is over its limit: applications take it for a client that broke off."""

    def __init__(self, error: HttpError) -> None:
        super().__init__(str(error))
        self.error = error


class _Pieces(io.RawIOBase):
    """A raw stream over the pieces; what a BufferedReader needs, nothing else."""

    def __init__(self, fetch: Fetch) -> None:
        super().__init__()
        self._fetch = fetch
        self._held = memoryview(b"")
        self._is_over = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # what BufferedReader passes
        while not self._held and not self._is_over:
            piece = self._fetch()
            if piece is None:
                self._is_over = True
            else:
                self._held = memoryview(piece)
        count = min(len(buffer), len(self._held))
        buffer[:count] = self._held[:count]
        self._held = self._held[count:]
        return count


def stream_of(fetch: Fetch) -> IO[bytes]:
    """Return the body as it comes in; at most one piece and `BUFFER_BYTES` are held."""
    return io.BufferedReader(_Pieces(fetch), BUFFER_BYTES)


def gather(fetch: Fetch) -> tuple[IO[bytes], int]:
    """Take in a body of unknown length; return it with its length.

    Frameworks read no further than CONTENT_LENGTH, so without one most would see no body at all.
    """
    whole = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY_BYTES)  # noqa: SIM115 - the request closes it
    try:
        shutil.copyfileobj(stream_of(fetch), whole, BUFFER_BYTES)
        length = whole.tell()
        whole.seek(0)
    except BaseException:
        whole.close()
        raise
    return whole, length
