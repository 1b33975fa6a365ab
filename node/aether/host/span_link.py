"""Brings a host's spans and lines to its node over `run/node.sock`; hears which traces it wants and what to log.

Both are of less worth than requests: while the node is away they wait within their bounds,
and what it does not take is dropped.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import structlog

from aether.core.tracing.span import MOST_SPANS_A_MESSAGE
from aether.frames import FrameError, pack, read_frame
from aether.host.spans import SpanRecorder
from aether.logs.buffer import send_last, ship_lines
from aether.logs.process import ProcessLogs
from aether.tasks import Tasks

PERIOD_S = 0.25
"""How long the first span waits for others; a host that records nothing does not stir."""
MOST_MESSAGES = 8
"""Sent in one period: what is recorded beyond 8,000 spans a second is dropped."""
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0

_SPANS, _LINES = 0, 1
"""Numbers of messages: which of them an answer is about."""

log = structlog.get_logger()


class SpanLink:
    """One connection to the node, made again when it is lost."""

    def __init__(self, socket: Path, token: str, recorder: SpanRecorder, logs: ProcessLogs) -> None:
        """`token` says to the node whose spans they are; `logs` has the lines, and is told of orders."""
        self._socket = socket
        self._token = token
        self._recorder = recorder
        self._logs = logs
        self._writer: asyncio.StreamWriter | None = None
        self._tasks = Tasks(on_failure=_log_failure)
        self._has_started = False

    def start(self) -> None:
        """Begin to keep the connection; nothing happens when it is kept already."""
        if not self._has_started:
            self._has_started = True
            self._tasks.start("span link", self._run())

    async def stop(self) -> None:
        """Ship what waits, for a moment, and end."""
        writer = self._writer
        if writer is not None and not writer.is_closing():
            self._ship(writer)
            await send_last(self._logs.lines, writer, self._lines_message)
        await self._tasks.stop()
        self._logs.close()

    async def _run(self) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                reader, self._writer = await asyncio.open_unix_connection(str(self._socket))
            except OSError:
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
                continue
            if await self._serve(reader, self._writer):
                pause_s = FIRST_PAUSE_S
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Ship and listen until the connection ends; say whether the node understood us."""
        shipping = Tasks(on_failure=_log_failure)
        understood = False
        try:
            writer.write(self._message("spans.hello", logs=True))
            shipping.start("ship spans", self._keep_shipping(writer))
            self._logs.connected()
            shipping.start("ship lines", ship_lines(self._logs.lines, writer, self._lines_message))
            while (message := await read_frame(reader)) is not None:
                if not self._take(message):
                    return understood
                understood = True
        except (OSError, FrameError) as lost:
            log.debug("span link lost", why=str(lost))
        finally:
            self._writer = None
            await shipping.stop()
            writer.close()
        return understood

    async def _keep_shipping(self, writer: asyncio.StreamWriter) -> None:
        news, loop = asyncio.Event(), asyncio.get_running_loop()
        while True:
            self._recorder.listen(lambda: _ring(loop, news))
            await news.wait()
            await asyncio.sleep(PERIOD_S)  # what comes meanwhile goes with it
            news.clear()
            self._recorder.listen(None)
            if writer.is_closing():
                return
            for _ in range(MOST_MESSAGES):
                if writer.transport.get_write_buffer_size() or not self._ship(writer):
                    break
                await asyncio.sleep(0)  # requests come first

    def _ship(self, writer: asyncio.StreamWriter) -> bool:
        """Send one message; False when there was nothing to send."""
        spans = self._recorder.take(MOST_SPANS_A_MESSAGE)
        if spans:
            dropped = self._recorder.take_dropped()
            writer.write(self._message("spans", spans=spans, dropped=dropped))
        return bool(spans)

    def _lines_message(self, lines: Sequence[object], dropped: int) -> bytes:
        instance = self._recorder.process
        return self._message("lines", _LINES, lines=lines, dropped=dropped, instance=instance)

    def _message(self, op: str, number: int = _SPANS, **fields: object) -> bytes:
        return pack({"id": number, "token": self._token, "op": op, **fields})

    def _take(self, message: Any) -> bool:  # noqa: ANN401 - a frame
        """Act on a message; False when the node takes no spans."""
        if self._logs.take(message):
            return True
        match message:
            case {"event": "traces", "asked": list(asked)}:
                self._recorder.ask(trace for trace in asked if isinstance(trace, str))
                return True
            case {"ok": False, "id": int(number)} if number == _LINES:
                self._logs.refused()
                return True
            case {"ok": bool(done)}:
                return done  # no: the node knows no spans, or has just begun and not us yet
        return False


def _ring(loop: asyncio.AbstractEventLoop, news: asyncio.Event) -> None:
    """Say from any thread that there are spans."""
    with contextlib.suppress(RuntimeError):  # the loop has ended: nobody ships any more
        loop.call_soon_threadsafe(news.set)


def _log_failure(name: str, failure: BaseException) -> None:
    log.error("task failed", task=name, exc_info=failure)
