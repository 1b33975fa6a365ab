"""Watchers: each gets every change under its prefix in order, or is told that it missed some."""

import asyncio
import weakref
from collections import deque
from collections.abc import AsyncIterator, Iterable
from typing import Self

from aether.core.store.commands import Changes
from aether.core.store.history import under_prefix
from aether.core.store.machine import KvMachine
from aether.errors import Conflict

MAX_WAITING = 1024
"""Batches a watcher may be behind before it is cut off."""


class Compacted(Conflict):
    """Changes the watcher asked for are gone: it must read the present state and watch anew."""

    code = "compacted"


class Watch(AsyncIterator[Changes]):
    """One watcher's queue. It ends with its store, by `aclose`, or when nobody holds it."""

    def __init__(self, prefix: str, seen: int, backlog: Iterable[Changes]) -> None:
        self._prefix = prefix
        self._seen = seen
        self._waiting = deque(backlog)
        self._arrived = asyncio.Event()
        self._cut_off: Compacted | None = None
        self._closed = False

    def offer(self, changes: Changes) -> None:
        """Queue what of `changes` lies under the prefix; cut the watcher off when it is full."""
        self._seen = changes.revision
        mine = under_prefix(changes, self._prefix)
        if mine is None or self._cut_off is not None:
            return
        if len(self._waiting) >= MAX_WAITING:
            self.cut_off(f"the watcher fell {MAX_WAITING} changes behind")
            return
        self._waiting.append(mine)
        self._arrived.set()

    def cut_off(self, why: str) -> None:
        """End the watch with an error: it can no longer be without gaps."""
        self._cut_off = Compacted(
            f"the watch of {self._prefix!r} ended at revision {self._seen}: {why}; "
            "read the present state and watch from its revision",
            fields={"prefix": self._prefix, "revision": self._seen},
        )
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
            if self._cut_off is not None:
                raise self._cut_off
            if self._closed:
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        return self._waiting.popleft()


class Watchers:
    """Hands what a machine applies to all who watch it."""

    def __init__(self, machine: KvMachine) -> None:
        self._machine = machine
        self._watches: weakref.WeakSet[Watch] = weakref.WeakSet()
        machine.observer = self._applied

    def open(self, prefix: str, after_revision: int | None) -> Watch:
        """Start a watch at once; raises Conflict `compacted` when its beginning is gone."""
        revision = self._machine.revision
        after = revision if after_revision is None else after_revision
        backlog = self._machine.changes_after(after)
        if backlog is None:
            raise Compacted(
                f"changes after revision {after} are gone: history begins after "
                f"{self._machine.compacted}; read the present state and watch from its revision",
                fields={"revision": after, "compacted": self._machine.compacted},
            )
        mine = (under_prefix(changes, prefix) for changes in backlog)
        watch = Watch(prefix, revision, (changes for changes in mine if changes is not None))
        self._watches.add(watch)
        return watch

    def _applied(self, changes: Changes | None) -> None:
        for watch in list(self._watches):
            if changes is None:
                watch.cut_off("the whole state was replaced by a snapshot")
                self._watches.discard(watch)
            else:
                watch.offer(changes)

    def close(self) -> None:
        """End every watch."""
        for watch in list(self._watches):
            watch.end()
        self._watches.clear()
