"""Frames on a stream of bytes: a length of four bytes, big-endian, then as many bytes of body."""

from aether.frames import HEADER, FrameError

MAX_FRAME_BYTES = 8 * 1024 * 1024
PING = HEADER.pack(0)
"""A frame without a body: says that the speaker lives, and nothing else."""


class Splitter:
    """Cuts what arrives into frames' bodies. It never holds more than one unfinished frame.

    Memory grows with what arrived, not with the length a frame claims to have.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        """Most bytes of a body; a longer one is refused by its length alone."""
        self._held = bytearray()
        self._needed = HEADER.size

    def feed(self, data: bytes) -> list[memoryview]:
        """Return the bodies that `data` completes; raises FrameError for one over the limit."""
        held = self._held
        if held:
            held += data
            if len(held) < self._needed:
                return []
            data = bytes(held)
            self._held = bytearray()
        return self._cut(data)

    def _cut(self, data: bytes) -> list[memoryview]:
        bodies = []
        view = memoryview(data)
        at, size = 0, len(data)
        while size - at >= 4:
            (length,) = HEADER.unpack_from(data, at)
            if length > self.limit:
                raise FrameError(f"a frame of {length} bytes is over the limit of {self.limit}")
            end = at + 4 + length
            if end > size:
                self._needed = 4 + length
                break
            bodies.append(view[at + 4 : end])
            at = end
        else:
            self._needed = HEADER.size
        if at < size:
            self._held += view[at:]
        return bodies
