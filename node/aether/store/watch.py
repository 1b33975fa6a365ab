"""Watchers: each gets every change under its prefix in order, or is told that it missed some."""

import asyncio
import weakref
from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence
from itertools import count
from typing import Self

from aether.core.model.reason import Reason
from aether.core.store.commands import Changes
from aether.core.store.machine import KvMachine
from aether.errors import Conflict

MAX_WAITING = 1024
"""Batches a watcher may be behind before it is cut off."""
PROGRESS_S = 5.0
"""A watch that asked for progress is told that often, also while nothing changes."""
_PROGRESS = Reason("store", "progress", "everything up to this revision was seen")


class Compacted(Conflict):
    """Changes the watcher asked for are gone: it must read the present state and watch anew."""

    code = "compacted"


def cut_off_error(prefix: str, seen: int, why: str) -> Compacted:
    """Return what ends a watch that can no longer be without gaps."""
    return Compacted(
        f"the watch of {prefix!r} ended at revision {seen}: {why}; "
        "read the present state and watch from its revision",
        fields={"prefix": prefix, "revision": seen},
    )


def backlog_of(machine: KvMachine, after_revision: int | None) -> Sequence[Changes]:
    """Return what changed after a revision (None: nothing); raises Compacted when that is gone."""
    after = machine.revision if after_revision is None else after_revision
    backlog = machine.changes_after(after)
    if backlog is None:
        raise Compacted(
            f"changes after revision {after} are gone: history begins after "
            f"{machine.compacted}; read the present state and watch from its revision",
            fields={"revision": after, "compacted": machine.compacted},
        )
    return backlog


def selected(changes: Changes, prefix: str, without: str = "") -> Changes | None:
    """Return the part of `changes` under `prefix` and not under `without`, or None."""
    mine = [change for change in changes.changes if change.key.startswith(prefix)]
    if mine and without:
        mine = [change for change in mine if not change.key.startswith(without)]
    if not mine:
        return None
    if len(mine) == len(changes.changes):
        return changes
    return Changes(changes.revision, changes.reason, tuple(mine))


class Watch(AsyncIterator[Changes]):
    """One watcher's queue. It ends with its store, by `aclose`, or when nobody holds it."""

    def __init__(
        self,
        prefix: str,
        seen: int,
        backlog: Iterable[Changes],
        *,
        progress: bool = False,
        without: str = "",
    ) -> None:
        self.prefix = prefix
        self.without = without
        """Keys below it are not told of; empty for none."""
        self.seen = seen
        """Revision up to which everything was offered."""
        self._waiting = deque(backlog)
        self._most = MAX_WAITING + len(self._waiting)
        self._progress = progress
        self._is_asked = False
        self._arrived = asyncio.Event()
        self._ended: Conflict | None = None
        self._closed = False

    @property
    def is_over(self) -> bool:
        """Whether no more will come than what waits."""
        return self._closed or self._ended is not None

    def offer(self, changes: Changes) -> None:
        """Queue what of `changes` lies under the prefix; cut the watcher off when it is full.

        What it has seen is not told again: a member behind the one that named the revision to
        watch from still applies what lies before it.
        """
        if changes.revision <= self.seen:
            return
        self.seen = changes.revision
        mine = selected(changes, self.prefix, self.without)
        if mine is None or self.is_over:
            return
        if len(self._waiting) >= self._most:
            self.cut_off(f"the watcher fell {len(self._waiting)} changes behind")
            return
        self._waiting.append(mine)
        self._arrived.set()

    def expect(self, count: int) -> None:
        """Make room for so many batches of the past, which come faster than anybody takes them."""
        if count:
            self._most = MAX_WAITING + len(self._waiting) + count

    def reached(self, revision: int) -> None:
        """Know that nothing below the prefix changed up to `revision` but what was offered."""
        self.seen = max(self.seen, revision)

    def ask_progress(self) -> None:
        """Have the watch tell at once, after what waits, up to which revision all was seen."""
        self._is_asked = True
        self._arrived.set()

    def cut_off(self, why: str) -> None:
        """End the watch with an error: it can no longer be without gaps."""
        self.fail(cut_off_error(self.prefix, self.seen, why))

    def fail(self, problem: Conflict) -> None:
        """End the watch with `problem`; what waits is not given out any more."""
        self._ended = problem
        self._waiting.clear()
        self._arrived.set()

    def end(self) -> None:
        """End the watch without an error."""
        self._closed = True
        self._arrived.set()

    async def aclose(self) -> None:
        """Stop following."""
        self.end()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Changes:
        while not self._waiting:
            if self._ended is not None:
                raise self._ended
            if self._closed:
                raise StopAsyncIteration
            if self._is_asked:
                self._is_asked = False
                return Changes(self.seen, _PROGRESS)
            self._arrived.clear()
            if not self._progress:
                await self._arrived.wait()
                continue
            try:
                async with asyncio.timeout(PROGRESS_S):
                    await self._arrived.wait()
            except TimeoutError:
                return Changes(self.seen, _PROGRESS)
        return self._waiting.popleft()


class Watchers:
    """Hands what a machine applies to all who watch it."""

    def __init__(self, machine: KvMachine) -> None:
        self._machine = machine
        self._watches: dict[int, weakref.ref[Watch]] = {}
        """In the order they were opened: that is the order in which they are told."""
        self._numbers = count(1)
        machine.observer = self._applied

    def open(
        self,
        prefix: str,
        after_revision: int | None,
        *,
        progress: bool = False,
        without: str = "",
    ) -> Watch:
        """Start a watch at once; raises Conflict `compacted` when its beginning is gone."""
        backlog = backlog_of(self._machine, after_revision)
        mine = (selected(changes, prefix, without) for changes in backlog)
        found = [changes for changes in mine if changes is not None]
        seen = max(self._machine.revision, after_revision or 0)
        watch = Watch(prefix, seen, found, progress=progress, without=without)
        number, watches = next(self._numbers), self._watches
        watches[number] = weakref.ref(watch, lambda _: watches.pop(number, None))
        return watch

    def _applied(self, changes: Changes | None) -> None:
        if changes is None:
            self._cut_off("the whole state was replaced by a snapshot")
            return
        revision, keys = changes.revision, [change.key for change in changes.changes]
        for number, reference in list(self._watches.items()):
            watch = reference()
            if watch is None:
                continue  # it ends while the others are told
            prefix = watch.prefix
            for key in keys:
                if key.startswith(prefix):
                    watch.offer(changes)
                    if watch.is_over:
                        self._watches.pop(number, None)
                    break
            else:  # most changes are nothing to most watchers
                if watch.seen < revision:  # noqa: PLR1730 - `max` takes twice as long
                    watch.seen = revision

    def _cut_off(self, why: str) -> None:
        for watch in self._living():
            watch.cut_off(why)
        self._watches.clear()

    def _living(self) -> list[Watch]:
        found = [reference() for reference in list(self._watches.values())]
        return [watch for watch in found if watch is not None]

    def close(self) -> None:
        """End every watch."""
        for watch in self._living():
            watch.end()
        self._watches.clear()
