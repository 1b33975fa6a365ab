"""Watches of the store process: each is told every change in order, or cut off by name."""

from collections import deque
from collections.abc import Iterable

from aether.core.store.commands import Changes
from aether.core.store.machine import KvMachine
from aether.store.failures import failed
from aether.store.outbox import Outbox
from aether.store.protocol import Follow, Progress, batches
from aether.store.watch import MAX_WAITING, backlog_of, cut_off_error, selected


class Subscription:
    """One watch of one client."""

    def __init__(self, asked: Follow, seen: int, backlog: Iterable[Changes], out: Outbox) -> None:
        self.id = asked.id
        self.is_ended = False
        self._asked = asked
        self._out = out
        self._seen = self._told = seen
        self._waiting = deque(backlog)
        self._most = MAX_WAITING + len(self._waiting)
        began = self._waiting[0].revision - 1 if self._waiting else seen
        out.add(Progress(self.id, began, len(self._waiting)))
        self.pump()

    def offer(self, changes: Changes) -> None:
        """Tell of `changes`, now or when there is room; end the watch when it is too far behind.

        What the watcher has seen is not told again: it may have seen more than this member.
        """
        if self.is_ended or changes.revision <= self._seen:
            return
        self._seen = changes.revision
        mine = selected(changes, self._asked.prefix, self._asked.without)
        if mine is not None:
            if len(self._waiting) >= self._most:
                self.cut_off(f"the watcher fell {len(self._waiting)} changes behind")
                return
            self._waiting.append(mine)
            self.pump()
        elif self._asked.eager:
            self._out.wake()

    def pump(self) -> None:
        """Send what waits, as long as there is room."""
        while self._waiting and not self.is_ended and not self._out.is_full():
            changes = self._waiting.popleft()
            self._told = changes.revision
            for part in batches(self.id, changes):
                self._out.add(part)

    def progress(self, *, eager: bool) -> None:
        """Say up to which revision all was told; to eager watches only when that is news."""
        if self.is_ended or self._waiting or (eager and not self._asked.eager):
            return
        if self._told < self._seen or not eager:
            self._told = self._seen
            self._out.add(Progress(self.id, self._seen))

    def cut_off(self, why: str) -> None:
        """End the watch with an error: it can no longer be without gaps."""
        self.is_ended = True
        self._waiting.clear()
        self._out.add(failed(self.id, cut_off_error(self._asked.prefix, self._told, why)))


class Feed:
    """Hands what the machine applies to every subscription."""

    def __init__(self, machine: KvMachine) -> None:
        self._machine = machine
        self._subscriptions: set[Subscription] = set()

    def open(self, asked: Follow, out: Outbox) -> Subscription:
        """Start a watch; raises Conflict `compacted` when its beginning is gone."""
        backlog = backlog_of(self._machine, asked.after)
        mine = (selected(changes, asked.prefix, asked.without) for changes in backlog)
        seen = max(self._machine.revision, asked.after or 0)
        subscription = Subscription(asked, seen, [changes for changes in mine if changes], out)
        self._subscriptions.add(subscription)
        self._machine.observer = self._applied
        return subscription

    def close(self, subscription: Subscription) -> None:
        """Forget a watch."""
        subscription.is_ended = True
        self._drop(subscription)

    def _drop(self, subscription: Subscription) -> None:
        self._subscriptions.discard(subscription)
        if not self._subscriptions:
            # Spares the machine saying what nobody hears: 0.3 us a put.
            self._machine.observer = None

    def _applied(self, changes: Changes | None) -> None:
        for subscription in tuple(self._subscriptions):
            if changes is None:
                subscription.cut_off("the whole state was replaced by a snapshot")
            else:
                subscription.offer(changes)
            if subscription.is_ended:
                self._drop(subscription)
