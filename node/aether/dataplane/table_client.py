"""The router's side of the table link: takes tables from the node, keeps trying when it is gone."""

import asyncio
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from aether.core.dataplane.table import Table
from aether.core.dataplane.table_copy import Drifted, Refused, TableCopy
from aether.dataplane.editions import LINK_FRAME_BYTES
from aether.dataplane.observer import Observer
from aether.dataplane.streams import end_stream
from aether.dataplane.table_file import write_table
from aether.dataplane.tracing import Tracing
from aether.frames import FrameError, pack, read_frame, write_frame
from aether.logs.buffer import send_last, ship_lines
from aether.logs.process import ProcessLogs
from aether.tasks import Tasks

FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 1.0
SAVE_PAUSE_S = 0.5
"""Between two writes of the file: one of 5,000 endpoints takes some 5 ms of a core."""
MOST_PROBLEMS = 10
"""Of a refused table, told to the node."""

log = structlog.get_logger()


class TableClient:
    """Follows the node's tables.

    What it takes and what it refuses is the business of its `TableCopy`. `swap` puts a table to use;
    what changed is then written to `file` off the loop, the latest winning.
    """

    def __init__(  # noqa: PLR0913 - all who send and hear over the link
        self,
        link: Path,
        file: Path,
        swap: Callable[[Table], None],
        current: Table,
        observer: Observer | None = None,
        tracing: Tracing | None = None,
        *,
        logs: ProcessLogs | None = None,
    ) -> None:
        self._link = link
        self._file = file
        self._swap = swap
        self._copy = TableCopy(current)
        self._observer = observer
        self._tracing = tracing
        self._logs = logs
        self._unsaved = asyncio.Event()
        self._writer: asyncio.StreamWriter | None = None

    async def run(self) -> None:
        """Follow until cancelled, pausing 50 ms to 1 s between attempts to connect."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._save(), name="save tables")
            group.create_task(self._connect(), name="follow tables")

    async def tell_last_lines(self) -> None:
        """Have the node take the lines that wait, while there is a link: half a second at most."""
        if self._logs is not None and self._writer is not None:
            await send_last(self._logs.lines, self._writer, _pack_lines)

    async def _connect(self) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                reader, writer = await asyncio.open_unix_connection(str(self._link))
            except OSError:
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
                continue
            try:
                if await self._follow(reader, writer):
                    pause_s = FIRST_PAUSE_S
            except (OSError, FrameError) as problem:
                log.warning("table link lost", problem=str(problem))
            finally:
                await end_stream(writer)
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    async def _follow(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Take tables until the node ends the link; say whether there was any."""
        if self._logs is not None:
            self._logs.connected()
        await write_frame(writer, self._hello())
        telling = Tasks(on_failure=_log_failure)
        if self._observer is not None:
            telling.start("tell counts", self._observer.ship(writer))
        if self._tracing is not None:
            telling.start("tell spans", self._tracing.ship(writer))
        if self._logs is not None:
            telling.start("tell lines", ship_lines(self._logs.lines, writer, _pack_lines))
        heard = False
        self._writer = writer
        try:
            while (message := await read_frame(reader, LINK_FRAME_BYTES)) is not None:
                heard = True
                answer = self._take(message)
                if answer is not None:
                    await write_frame(writer, answer)
        finally:
            self._writer = None
            await telling.stop()
        return heard

    def _hello(self) -> dict[str, object]:
        return {
            "op": "hello",
            "pid": os.getpid(),
            "revision": self.revision,
            "fingerprint": self._copy.number,
            "traces": self._tracing is not None,
            "slow_calls": self._observer is not None,
            "logs": self._logs is not None,
        }

    def _take(self, message: object) -> dict[str, object] | None:
        """Act on one message of the node; return the answer, None where none is due."""
        if self._is_for_others(message):
            return None
        before = self._copy.table
        try:
            match message:
                case {"op": "table", "table": plain}:
                    self._copy.take_whole(plain)
                case {"op": "delta", "fingerprint": int(number), **change}:
                    self._copy.take_delta(change, number)
                case {"op": "revision", "revision": int(revision), "fingerprint": int(number)}:
                    self._copy.take_revision(revision, number)
                case {"op": "error"}:
                    log.error("the node did not understand the router", message=message)
                    return None
                case _:
                    return {"op": "error", "message": "expected op table, delta or revision"}
        except Drifted as problem:
            log.warning("the whole routing table is asked for", problem=str(problem))
            return {"op": "whole"}
        except Refused as problem:
            return _refuse(problem)
        self._use(before, self._copy.table)
        return {"op": "using", "revision": self.revision}

    def _is_for_others(self, message: object) -> bool:
        """Have whoever it is for act on a message; False when it is about the table."""
        if self._logs is not None and self._logs.take(message):
            return True
        if self._tracing is not None and self._tracing.take(message):
            return True
        return self._observer is not None and self._observer.take(message)

    def _use(self, before: Table, table: Table) -> None:
        if before is table or before.says_the_same(table):
            return  # at most the store's revision moved on: nothing to do and nothing to save
        self._swap(table)
        self._unsaved.set()
        log.info(
            "routing table in use",
            revision=table.revision,
            routes=len(table.routes),
            instances=len(table.instances),
        )

    async def _save(self) -> None:
        """Write each table that is put to use, the latest winning, and the last one before the end."""
        try:
            while True:
                await self._unsaved.wait()
                self._unsaved.clear()
                try:
                    await self._write(self._copy.table)
                except OSError as problem:
                    _warn_unsaved(self._file, problem)
                await asyncio.sleep(SAVE_PAUSE_S)
        finally:
            if self._unsaved.is_set():
                try:
                    write_table(self._file, self._copy.table)
                except OSError as problem:
                    _warn_unsaved(self._file, problem)

    async def _write(self, table: Table) -> None:
        """Write on a thread; when cancelled, wait for the thread: it cannot be stopped midway."""
        loop = asyncio.get_running_loop()
        writing = loop.run_in_executor(None, write_table, self._file, table)
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            await asyncio.gather(writing, return_exceptions=True)
            raise

    @property
    def revision(self) -> int:
        """Revision of the table in use."""
        return self._copy.table.revision


def _pack_lines(lines: Sequence[object], dropped: int) -> bytes:
    return pack({"op": "lines", "lines": lines, "dropped": dropped})


def _log_failure(name: str, failure: BaseException) -> None:
    log.error("table link failed", task=name, exc_info=failure)


def _warn_unsaved(path: Path, problem: OSError) -> None:
    log.warning("routing table not saved", path=str(path), problem=str(problem))


def _refuse(problem: Refused) -> dict[str, object]:
    revision, problems = problem.revision, problem.problems[:MOST_PROBLEMS]
    log.error("routing table refused", revision=revision, problems=problems)
    return {"op": "refused", "revision": revision, "problems": problems}
