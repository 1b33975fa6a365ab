"""The chronicle as the node uses it: it records while it runs, and answers questions."""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from aether.chronicle.database import Unusable, open_for_reading
from aether.chronicle.reader import Reader
from aether.chronicle.recorder import Recorder
from aether.chronicle.records import Bounds, Found, Query, Reach
from aether.chronicle.thread import Thread
from aether.core.store.commands import Range
from aether.errors import Invalid, Unavailable
from aether.ports import Clock, Store

MAX_READS = 16
"""Reads that may wait for their turn; more are refused."""
REACH_S = 3.0
"""Longest wait until what this node knows is written down; the answer says how far it has come."""
LOOK_S = 0.05
FOLDER = "chronicle"
"""Name of the chronicle's folder in a node's data directory."""

_T = TypeVar("_T")


class Chronicle:
    """What changed among Aether's own keys, when and why, for as long as its bounds allow."""

    def __init__(
        self,
        folder: Path,
        store: Store,
        clock: Clock,
        cluster_id: str,
        *,
        bounds: Bounds | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder
        self._store = store
        self._clock = clock
        self._wall = wall
        self._recorder = Recorder(folder, store, clock, cluster_id, bounds or Bounds(), wall)
        self._thread = Thread("chronicle-reader")
        self._reader: Reader | None = None
        self._file = 0
        self._reads = 0

    async def run(self) -> None:
        """Record until cancelled. Trouble with the file is logged and never raised."""
        await self._recorder.run()

    async def close(self) -> None:
        """Give the file back; to be called once `run` has ended."""
        if self._reader is not None:
            reader, self._reader = self._reader, None
            await self._thread.run(reader.close)
        self._thread.close()

    @property
    def has_begun(self) -> bool:
        """Whether there is anything to be told."""
        return self._recorder.has_begun

    @property
    def seen(self) -> int:
        """Revision up to which everything is recorded."""
        return self._recorder.seen

    @property
    def moved(self) -> asyncio.Event:
        """Set when the next step forward is written down; another one each time."""
        return self._recorder.moved

    def now_ms(self) -> int:
        """Return the time of this node, in milliseconds since 1970."""
        return int(self._wall() * 1000)

    async def reach(self) -> Reach:
        """Tell how far the chronicle tells; raises Unavailable when it has not begun."""
        return await self._read(lambda reader: reader.reach())

    async def at(self, revision: int, prefixes: Sequence[str] = ("",)) -> Range:
        """Return Aether's own keys under `prefixes` as they stood at `revision`.

        Raises Invalid when that is still to come, NotRecorded when it is not known here.
        """
        if revision > self._store.revision:
            raise Invalid(
                f"revision {revision} is still to come: the newest here is {self._store.revision}"
            )
        await self.reached(revision)
        return await self._read(lambda reader: reader.at(revision, prefixes))

    async def revision_at(self, time_ms: int) -> int:
        """Return the last revision not later than a moment, in milliseconds since 1970.

        Raises Invalid when that is still to come, NotRecorded when it is not known here.
        """
        if time_ms > self.now_ms():
            raise Invalid(f"that moment is {(time_ms - self.now_ms()) / 1000:.0f} s in the future")
        await self.reached(self._store.revision)
        return await self._read(lambda reader: reader.revision_at(time_ms))

    async def find(self, query: Query) -> Found:
        """Return the transactions asked for, those just acknowledged included."""
        await self.reached(min(query.until, self._store.revision))
        return await self._read(lambda reader: reader.find(query))

    async def reached(self, revision: int) -> None:
        """Return once everything up to `revision` is written down, or after `REACH_S`."""
        recorder = self._recorder
        if not recorder.has_begun:
            return
        deadline = self._clock.now() + REACH_S
        while recorder.seen < revision and self._clock.now() < deadline:
            recorder.hurry()
            try:
                async with asyncio.timeout(LOOK_S):
                    await recorder.moved.wait()
            except TimeoutError:
                continue  # the store had nothing to tell yet

    async def _read(self, ask: Callable[[Reader], _T]) -> _T:
        if not self._recorder.has_begun:
            raise Unavailable(
                "the chronicle of this node has not begun yet: it waits for the store"
            )
        if self._reads >= MAX_READS:
            raise Unavailable(f"{MAX_READS} reads of the chronicle are under way; try again")
        self._reads += 1
        try:
            return await self._thread.run(lambda: self._asked(ask))
        except Unusable as problem:
            self._recorder.report_damage()
            raise Unavailable(f"the chronicle of this node begins anew: {problem}") from problem
        except OSError as problem:
            raise Unavailable(
                f"the chronicle of this node could not be read: {problem}"
            ) from problem
        finally:
            self._reads -= 1

    def _asked(self, ask: Callable[[Reader], _T]) -> _T:
        """Ask in the reader's thread; after an error of the file, the next one opens it again."""
        if self._file != self._recorder.files and self._reader is not None:
            reader, self._reader = self._reader, None  # of a file that was set aside
            reader.close()
        if self._reader is None:
            self._file = self._recorder.files
            self._reader = Reader(open_for_reading(self._folder))
        reader = self._reader
        try:
            reader.begin()
            try:
                return ask(reader)
            finally:
                reader.end()
        except sqlite3.Error:
            self._reader = None
            reader.close()
            raise
