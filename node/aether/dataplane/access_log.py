"""The access log: one JSON object a line for some requests, for every slow one and every failed one.

The loop only decides and appends to a bounded list; a thread makes the lines, writes them and turns
the files. A disk that is full or slow costs lines, which are counted, and never a request.
"""

import math
import os
import random
import sys
import threading
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import structlog

FIRST_ERROR = 400
WAITING_LINES = 10_000
"""Most lines kept for the thread; more are dropped and counted."""
_WRITE_EACH_S = 0.2
_STOP_S = 2.0
_LOG_EACH_S = 60.0
_SHOWN_CHARS = 1024

log = structlog.get_logger()


class AccessLogSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What is written down, and how much of it is kept."""

    sample: float = 0.01
    """Share of the requests that are neither slow nor failed."""
    slow_s: float = 1.0
    """From how many seconds on a request is always written down."""
    lines_per_s: int = 1000
    """Most lines a second; more are dropped and counted."""
    file_bytes: int = 64 * 1024 * 1024
    """Size at which a new file is begun."""
    files: int = 4
    """Files kept, the present one included."""


class Access(msgspec.Struct, frozen=True, gc=False):
    """One request that is over, as it is written; `status` 0: cut short; 499: the client left before its answer."""

    time: float
    """Of its end, in seconds since 1970; written as RFC 3339."""
    method: str
    path: str
    """Without the query, which may hold what nobody should keep."""
    host: str
    route: str
    """`METHOD pattern`, empty when no route fitted."""
    slice: str
    version: str
    instance: str
    status: int
    bytes_in: int
    bytes_out: int
    seconds: float
    retries: int
    trace_id: str
    request_id: str
    client: str


class AccessLog:
    """Decides what is written down, and hands it to the thread that writes."""

    def __init__(
        self,
        path: Path,
        settings: AccessLogSettings,
        now: Callable[[], float],
        dice: random.Random | None = None,
    ) -> None:
        """Write to `path`; earlier files are `path.1`, `path.2` and so on. `now` is monotonic seconds."""
        self._settings = settings
        self._slow_s = settings.slow_s
        self._now = now
        self._dice = dice or random.Random()  # noqa: S311 - a sample, nothing to guess
        self._waiting: deque[Access] = deque()
        self._passed_over = _until_next(self._dice.random(), settings.sample)
        """Ordinary requests that are not written down before the next one that is."""
        self._second = float("-inf")
        self._left = 0
        self.dropped = 0
        """Lines over the bound a second, or that the thread was too slow for."""
        self._file = TurningFile(path, settings.file_bytes, settings.files)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._write, name="access log", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def close(self) -> None:
        """Write what waits, for two seconds at most, and end."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(_STOP_S)

    def wants(self, status: int, seconds: float) -> bool:
        """Whether a request is to be written down; a line over the bound is counted as dropped."""
        settings = self._settings
        if seconds < self._slow_s and FIRST_ERROR > status > 0:
            self._passed_over = left = self._passed_over - 1
            if left >= 0:
                return False
            self._passed_over = _until_next(self._dice.random(), settings.sample)
        now = self._now()
        if now - self._second >= 1.0:
            self._second, self._left = now, settings.lines_per_s
        if self._left <= 0 or len(self._waiting) >= WAITING_LINES:
            self.dropped += 1
            return False
        self._left -= 1
        return True

    def add(self, access: Access) -> None:
        """Write a request down soon; to be called for what `wants` wants."""
        self._waiting.append(access)

    def counts(self) -> dict[str, int]:
        """Return lines written, dropped by the bounds, and lost to the disk."""
        return {
            "written": self._file.written,
            "dropped": self.dropped,
            "failed": self._file.failed,
        }

    def _write(self) -> None:
        while not self._stopping.wait(_WRITE_EACH_S):
            self._write_waiting()
        self._write_waiting()
        self._file.close()

    def _write_waiting(self) -> None:
        lines = []
        while self._waiting:
            lines.append(line(self._waiting.popleft()))
        if lines:
            self._file.append(lines)


def _until_next(drawn: float, sample: float) -> int:
    """Return how many requests go by until the next of a sample; `drawn` is from 0 to below 1.

    Drawing that number once says the same as drawing for each request, and costs less: it is
    geometric, P(n) = (1 - sample)^n sample.
    """
    if sample >= 1.0:
        return 0
    if sample <= 0.0:
        return sys.maxsize
    return int(math.log1p(-drawn) / math.log1p(-sample))


def line(access: Access) -> bytes:
    """Return one line of JSON, line end included; no value can end it early."""
    moment = datetime.fromtimestamp(access.time, UTC).isoformat(timespec="milliseconds")
    plain = msgspec.structs.asdict(access)
    plain |= {
        "time": moment.replace("+00:00", "Z"),
        "path": access.path[:_SHOWN_CHARS],
        "host": access.host[:_SHOWN_CHARS],
        "seconds": round(access.seconds, 6),
    }
    return msgspec.json.encode(plain, enc_hook=str) + b"\n"  # ids are kinds of text


class TurningFile:
    """A file that is appended to, and renamed when it has become long; used by one thread."""

    def __init__(self, path: Path, most_bytes: int, files: int) -> None:
        self._path = path
        self._most_bytes = most_bytes
        self._files = max(1, files)
        self._descriptor = -1
        self._size = 0
        self._said_at = 0.0
        self.written = 0
        self.failed = 0

    def append(self, lines: list[bytes]) -> None:
        """Write lines; those the disk does not take are counted and said of once a minute."""
        try:
            if self._descriptor >= 0 and self._size >= self._most_bytes:
                self._turn()
            if self._descriptor < 0:
                self._open()
            self._write_all(b"".join(lines))
        except OSError as problem:
            self.failed += len(lines)
            self.close()
            self._say(problem)
        else:
            self.written += len(lines)

    def close(self) -> None:
        """Close; the next line opens it again."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _open(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        self._descriptor = os.open(self._path, flags, 0o640)
        self._size = os.fstat(self._descriptor).st_size

    def _write_all(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            count = os.write(self._descriptor, view)
            self._size += count
            view = view[count:]

    def _turn(self) -> None:
        """Begin a new file; the oldest goes."""
        self.close()
        names = [self._path, *(Path(f"{self._path}.{number}") for number in range(1, self._files))]
        for number in range(len(names) - 1, 0, -1):
            if names[number - 1].exists():
                names[number - 1].replace(names[number])
        if len(names) == 1:
            self._path.unlink(missing_ok=True)

    def _say(self, problem: OSError) -> None:
        now = datetime.now(UTC).timestamp()
        if now - self._said_at >= _LOG_EACH_S:
            self._said_at = now
            log.warning(
                "access log cannot be written",
                path=str(self._path),
                problem=problem.strerror or str(problem),
                lost=self.failed,
            )
