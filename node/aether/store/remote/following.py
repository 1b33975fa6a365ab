"""What this node follows in the store process: the mirror's keys, and the watches of its callers."""

import asyncio
import weakref
from collections.abc import Iterable

import structlog

from aether.core.store.commands import Change, Changes
from aether.errors import AetherError, Conflict
from aether.store.failures import error_of
from aether.store.protocol import (
    Batch,
    Failed,
    Follow,
    List,
    Progress,
    Unfollow,
)
from aether.store.remote.link import Link
from aether.store.remote.mirror import LEFT_OUT, Mirror
from aether.store.watch import Compacted, Watch

log = structlog.get_logger()

MIRROR_S = 5.0
RETRY_S = 0.1


class Following:
    """Opens watches in the store process, again after each reconnect, and hands out what comes."""

    def __init__(self, link: Link, mirror: Mirror) -> None:
        self._link = link
        self._mirror = mirror
        self._mirror_id = 0
        self._watches: weakref.WeakValueDictionary[int, Watch] = weakref.WeakValueDictionary()
        self._unopened: set[int] = set()
        """Watches whose beginning is not known: they never heard anything yet."""
        self._parts: dict[int, list[Change]] = {}
        self._waiters: dict[asyncio.Future[None], int] = {}

    def close(self) -> None:
        """End every watch."""
        for watch in list(self._watches.values()):
            watch.end()
        self._watches.clear()

    # -- callers' watches ----------------------------------------------------------------------

    def open(self, prefix: str, after: int | None, *, progress: bool, without: str = "") -> Watch:
        """Follow `prefix`; without `after`, from what this node knows now."""
        number = self._link.next_id()
        if after is None and self._mirror.is_filled:
            after = self._mirror.revision
        watch = Watch(prefix, after or 0, (), progress=progress, without=without)
        if after is None:
            self._unopened.add(number)
        self._watches[number] = watch
        self._follow(number, watch)
        return watch

    def _follow(self, number: int, watch: Watch) -> None:
        after = None if number in self._unopened else watch.seen
        # One that leaves keys out asks how far all was seen; the others need not know at once.
        eager = bool(watch.without)
        self._link.tell(Follow(number, watch.prefix, after, watch.without, eager))

    def resume(self) -> None:
        """Open every watch again, from what it saw last."""
        for number, watch in list(self._watches.items()):
            self._follow(number, watch)

    def pause(self) -> None:
        """Forget what came in parts, as the rest of it will not."""
        self._parts.clear()
        self._mirror_id = 0

    # -- the mirror ----------------------------------------------------------------------------

    async def mirror(self) -> None:
        """Read the mirrored keys unless they are known, and follow them from there."""
        while self._link.is_up:
            try:
                if not self._mirror.is_filled:
                    await self._fill()
            except AetherError as problem:
                log.info("the mirror of the store waits", problem=problem.message)
                await asyncio.sleep(RETRY_S)
                continue
            self._mirror_id = self._link.next_id()
            after = self._mirror.revision
            self._link.tell(Follow(self._mirror_id, "", after, LEFT_OUT, eager=True))
            return

    async def _fill(self) -> None:
        parts = await self._link.read(
            lambda number, ms: List(number, ms, fresh=False, prefix="", without=LEFT_OUT),
            MIRROR_S,
        )
        entries = (entry for part in parts for entry in part.entries)
        self._mirror.fill(parts[-1].revision, entries)
        self._wake()

    async def wait_for(self, revision: int, timeout_s: float) -> None:
        """Return when the mirror has `revision`, or when the time is over."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters[waiter] = revision
        try:
            await asyncio.wait((waiter,), timeout=timeout_s)
        finally:
            del self._waiters[waiter]

    def _wake(self) -> None:
        for waiter, revision in self._waiters.items():
            if revision <= self._mirror.revision and not waiter.done():
                waiter.set_result(None)

    # -- what comes ----------------------------------------------------------------------------

    def heard(self, message: Batch | Progress | Failed) -> bool:
        """Take a message; return whether `mirror` must be run (again)."""
        match message:
            case Batch():
                self._batch(message)
            case Progress():
                self._progress(message.id, message.revision, message.waiting)
            case Failed():
                return self._failed(message)
        return False

    def _batch(self, message: Batch) -> None:
        changes: Iterable[Change] = message.changes
        if not message.last or message.id in self._parts:
            parts = self._parts.setdefault(message.id, [])
            parts += changes
            if not message.last:
                return
            changes = self._parts.pop(message.id)
        whole = Changes(message.revision, message.reason, tuple(changes))
        if message.id == self._mirror_id:
            self._mirror.change(whole)
            self._wake()
        else:
            self._offer(message.id, whole)

    def _offer(self, number: int, changes: Changes) -> None:
        watch = self._watches.get(number)
        if watch is not None and not watch.is_over:
            self._unopened.discard(number)
            watch.offer(changes)
        if watch is None or watch.is_over:
            self._forget(number)

    def _progress(self, number: int, revision: int, waiting: int) -> None:
        if number == self._mirror_id:
            self._mirror.reached(revision)
            self._wake()
            return
        watch = self._watches.get(number)
        if watch is None or watch.is_over:
            self._forget(number)
        else:
            self._unopened.discard(number)
            watch.reached(revision)
            watch.expect(waiting)

    def _failed(self, message: Failed) -> bool:
        if message.id == self._mirror_id:
            log.info("the mirror of the store is read anew", problem=message.message)
            self._mirror.is_filled = False
            return True
        watch = self._watches.pop(message.id, None)
        if watch is not None:
            problem = error_of(message)
            watch.fail(problem if isinstance(problem, Conflict) else Compacted(message.message))
        return False

    def _forget(self, number: int) -> None:
        """Nobody listens any more: have the store process stop telling."""
        self._watches.pop(number, None)
        self._unopened.discard(number)
        self._link.tell(Unfollow(number))
