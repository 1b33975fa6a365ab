"""Follows the store and has every change of Aether's own keys written down.

Nothing waits for it: what it cannot take in time it asks for again, and what the store no longer
has is a gap, told as such.
"""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from aether.chronicle.database import Unusable, open_for_writing, set_aside
from aether.chronicle.records import Bounds
from aether.chronicle.thread import Thread
from aether.chronicle.writer import Writer
from aether.core.model import keys
from aether.core.model.keys import SYSTEM_FAMILIES
from aether.core.store.commands import Changes
from aether.errors import AetherError, Conflict
from aether.ports import Clock, Store, Watching
from aether.tasks import Tasks

_log = structlog.get_logger()

MAX_QUEUED = 256
"""Batches taken from the store and not written yet; the rest waits there, within its bounds."""
RETRY_S = 1.0
DISK_RETRY_S = 5.0
_COMPACTED = "compacted"


class Recorder:
    """Runs for ever; only cancelling it ends it. `told` is called after each write."""

    def __init__(
        self,
        folder: Path,
        store: Store,
        clock: Clock,
        cluster_id: str,
        bounds: Bounds,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder
        self._store = store
        self._clock = clock
        self._cluster_id = cluster_id
        self._bounds = bounds
        self._wall = wall
        self._thread = Thread("chronicle-writer")
        self._writer: Writer | None = None
        self._watching: Watching | None = None
        self._is_damaged = False
        self.seen = 0
        """Revision up to which everything is written down."""
        self.moved = asyncio.Event()
        """Set at each step forward."""
        self.files = 1
        """Files written so far, counted: whoever has an earlier one open reads what is no longer added to."""

    @property
    def has_begun(self) -> bool:
        """Whether there is a base in the file."""
        return self.seen > 0

    def report_damage(self) -> None:
        """Begin anew: a reader found the file to be damaged."""
        self._is_damaged = True

    def hurry(self) -> None:
        """Learn now up to which revision all is written down."""
        if self._watching is not None:
            self._watching.ask_progress()

    async def run(self) -> None:
        """Open the file and follow the store, beginning anew whenever the file proves damaged."""
        try:
            while True:
                try:
                    await self._record()
                except Unusable as problem:
                    await self._begin_anew(str(problem))
                except OSError as problem:
                    _log.warning("the chronicle cannot be written", problem=str(problem))
                    await self._clock.sleep(DISK_RETRY_S)
                except Exception:  # noqa: BLE001 - its supervisor: a node does not end for its chronicle
                    _log.exception("a fault of the chronicle")
                    await self._clock.sleep(DISK_RETRY_S)
                    await self._begin_anew("it met a fault")
        finally:
            await self._close()

    async def _close(self) -> None:
        if self._writer is not None:
            writer, self._writer = self._writer, None
            await self._thread.run(writer.close)
        self._thread.close()

    async def _begin_anew(self, why: str) -> None:
        self.seen, self._is_damaged = 0, False
        self.files += 1
        try:
            if self._writer is not None:
                writer, self._writer = self._writer, None
                await self._thread.run(writer.close)
            aside = await self._thread.run(lambda: set_aside(self._folder))
        except OSError as problem:
            _log.warning("the chronicle cannot be set aside", problem=str(problem))
            await self._clock.sleep(DISK_RETRY_S)
            return
        _log.warning("the chronicle begins anew", why=why, old_file=str(aside))

    async def _record(self) -> None:
        if self._writer is None:
            self._writer = await self._thread.run(self._open)
        writer = self._writer
        if not await self._thread.run(lambda: writer.has_base):
            await self._begin(writer, "")
        self._moved_to(writer.seen)
        misses = 0
        while True:
            before = writer.seen
            problem = await self._follow(writer)
            misses = misses + 1 if problem.code == _COMPACTED and writer.seen == before else 0
            if misses > 1:
                # Asked twice from where we are: the store no longer has what comes next.
                await self._begin(writer, problem.message)
                misses = 0
            elif problem.code != _COMPACTED:
                _log.info("the chronicle follows the store anew", problem=problem.message)
                await self._clock.sleep(RETRY_S)

    def _open(self) -> Writer:
        return Writer(open_for_writing(self._folder, self._cluster_id), self._bounds)

    def _moved_to(self, seen: int) -> None:
        self.seen = seen
        self.moved.set()
        self.moved = asyncio.Event()

    async def _begin(self, writer: Writer, why: str) -> None:
        """Write down all keys as they stand, as soon as this node knows them."""
        while True:
            try:
                # A node that starts knows little at first; a quorum tells it how far it is behind.
                await self._store.get(keys.EPOCH)
            except AetherError as problem:
                _log.info("the chronicle waits for the store", problem=problem.message)
                await self._clock.sleep(RETRY_S)
                continue
            level = self._store.level(SYSTEM_FAMILIES)
            if level.revision > 0 and level.revision >= writer.seen:
                break
            await self._clock.sleep(RETRY_S)
        now_ms = int(self._wall() * 1000)
        if why:
            _log.warning(
                "the chronicle has a gap", after=writer.seen, until=level.revision, why=why
            )
        await self._write(lambda: writer.begin(level, now_ms, why))
        self._moved_to(writer.seen)

    async def _follow(self, writer: Writer) -> AetherError:
        """Write down what changes until the watch ends; return why it did."""
        queue: asyncio.Queue[Changes | AetherError] = asyncio.Queue(MAX_QUEUED)
        tasks = Tasks()
        tasks.start("chronicle-watch", self._watch(writer.seen, queue))
        try:
            while True:
                batches, problem = await _taken(queue)
                now_ms = int(self._wall() * 1000)
                if batches:
                    await self._write(lambda: writer.record(batches, now_ms))  # noqa: B023 - awaited before they change
                    self._moved_to(writer.seen)
                if problem is not None:
                    return problem
        finally:
            await tasks.stop()

    async def _watch(self, after: int, queue: asyncio.Queue[Changes | AetherError]) -> None:
        try:
            self._watching = self._store.watch("", after, progress=True, without=keys.APP)
            async for batch in self._watching:
                await queue.put(batch)
        except AetherError as problem:
            await queue.put(problem)
        else:
            await queue.put(Conflict("the store was closed"))

    async def _write(self, work: Callable[[], None]) -> None:
        """Do it in the thread; raises Unusable for a damaged file, OSError for a full disk."""
        if self._is_damaged:
            raise Unusable("a reader found it to be damaged")
        await self._thread.run(work)


async def _taken(
    queue: asyncio.Queue[Changes | AetherError],
) -> tuple[list[Changes], AetherError | None]:
    """Return all that waits, at least one thing, and what ended the watch if something did."""
    item = await queue.get()
    batches: list[Changes] = []
    while not isinstance(item, AetherError):
        batches.append(item)
        if queue.empty() or len(batches) >= MAX_QUEUED:
            return batches, None
        item = queue.get_nowait()
    return batches, item
