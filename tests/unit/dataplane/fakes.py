"""Stand-ins for the two ends of an exchange: a transport, and a client that writes down."""

import asyncio
from typing import Any

from aether.dataplane.asker import FarEnd
from aether.dataplane.problems import Problem

HIGH_WATER_BYTES = 64 * 1024


class Transport(asyncio.Transport):
    """Remembers what was written and whether reading is held."""

    def __init__(self, peer: object = ("10.0.0.1", 5)) -> None:
        super().__init__({"peername": peer})
        self.written = b""
        self.is_reading_held = False
        self.is_aborted = False
        self.is_eof = False
        self.unsent = 0
        self._closing = False

    def write(self, data: Any) -> None:
        assert not self._closing, "a write after the end"
        self.written += bytes(data)

    def pause_reading(self) -> None:
        self.is_reading_held = True

    def resume_reading(self) -> None:
        self.is_reading_held = False

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        self._closing = True

    def abort(self) -> None:
        self._closing = True
        self.is_aborted = True

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.is_eof = True

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def take(self) -> bytes:
        """Return what was written since the last look."""
        written, self.written = self.written, b""
        return written


class SlowTransport(Transport):
    """One whose other side reads nothing: it asks `reader` to write no more, once."""

    def __init__(self) -> None:
        super().__init__()
        self.reader: asyncio.BaseProtocol | None = None

    def write(self, data: Any) -> None:
        was_full = len(self.written) > HIGH_WATER_BYTES
        super().write(data)
        if self.reader is not None and not was_full and len(self.written) > HIGH_WATER_BYTES:
            self.reader.pause_writing()


class Asker:
    """A client that writes down what becomes of its request."""

    def __init__(self) -> None:
        self.deadline = 0.0
        self.wants_close = False
        self.is_write_held = False
        self.written = b""
        self.is_body_held = False
        self.is_finished = False
        self.is_aborted = False
        self.is_closed = False
        self.problem: Problem | None = None
        self.far_end: FarEnd | None = None

    def write(self, data: bytes) -> None:
        self.written += data

    def hold_body(self, *, held: bool) -> None:
        self.is_body_held = held

    def finish(self, now: float, problem: Problem | None = None) -> None:
        assert not self.is_finished, "finished twice"
        self.is_finished = True
        self.problem = problem

    def abort(self) -> None:
        self.is_aborted = True

    def close(self) -> None:
        self.is_closed = True

    def switch(self, far_end: FarEnd) -> None:
        self.far_end = far_end
