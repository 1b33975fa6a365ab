"""The events of the cluster as this node tells them: derived from its chronicle, in order, resumable.

The latest are held in memory; earlier ones are derived again when somebody asks. Whoever follows holds
his own place, so a slow follower costs nothing: he reads on from where he is.
"""

import asyncio
from bisect import bisect_right
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import structlog

from aether.chronicle.chronicle import Chronicle
from aether.chronicle.records import Found, Query, Recorded
from aether.core.alerts.event_fold import EventFold, missing
from aether.core.alerts.events import NOWHERE, Choice, Event, Place, parse_place
from aether.core.alerts.facts import PREFIXES
from aether.errors import AetherError, NotFound, Unavailable
from aether.ports import Clock

_log = structlog.get_logger()
_Answer = TypeVar("_Answer")

MOST_HELD = 10_000
"""Events in memory; a quarter more may be there before the oldest go."""
BEHIND = 1000
"""Transactions before its start that a node tells from memory."""
PAGE = 200
"""Transactions read at a time."""
MOST_SCANNED = 2000
"""Transactions looked through for one answer about the past."""
MOST_FOLLOWERS = 64
"""Most who follow at a time; more are refused."""
LOOK_S = 5.0
"""Longest wait for a step of the chronicle before it is looked at anyway."""
RETRY_S = 1.0
PAST_S = 10.0
"""Longest wait for an answer about the past, those before it included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPage:
    """Events in order, and the place to go on from."""

    events: tuple[Event, ...]
    next: Place
    """Everything wanted up to here is in `events`."""
    more: bool
    """Whether there is more at once."""
    earlier: bool = False
    """Of the last events: whether there may be more before them that were not looked for."""


class EventFeed:
    """Follows one chronicle. Runs until cancelled."""

    def __init__(self, chronicle: Chronicle, clock: Clock, *, held: int = MOST_HELD) -> None:
        self._chronicle = chronicle
        self._clock = clock
        self._most = held
        self._events: list[Event] = []
        self._horizon: Place | None = None
        """Everything after this place is in `_events`; None before the feed has begun."""
        self._fold: EventFold | None = None
        self._past = asyncio.Semaphore(1)
        self._followers = 0
        self._closed = False
        self.moved = asyncio.Event()
        """Set when there is more to tell; another one each time."""

    # -- following the chronicle -------------------------------------------------------------------

    async def run(self) -> None:
        """Tell what the chronicle records, as it records it."""
        while True:
            try:
                await self._follow()
            except AetherError as problem:
                _log.info("events are read anew", problem=problem.message)
                await self._clock.sleep(RETRY_S)
            except Exception:  # noqa: BLE001 - its supervisor: a node does not end for its events
                _log.exception("a fault of the events")
                await self._clock.sleep(RETRY_S)

    def close(self) -> None:
        """Let whoever follows know that no more will come."""
        self._closed = True
        self._ring()

    @property
    def is_closed(self) -> bool:
        """Whether the node stops."""
        return self._closed

    @property
    def revision(self) -> int:
        """Revision up to which everything is told; 0 before it has begun."""
        return self._fold.revision if self._fold is not None else 0

    async def _follow(self) -> None:
        chronicle = self._chronicle
        while True:
            moved = chronicle.moved
            if chronicle.has_begun:
                if self._fold is None:
                    await self._begin()
                while await self._step():
                    pass
            await _happens(moved, LOOK_S)

    async def _begin(self) -> None:
        """Begin so far back that there is something to tell, but not before a gap."""
        reach = await self._chronicle.reach()
        found = await self._chronicle.find(Query(limit=BEHIND))
        start = found.recorded[-1].revision - 1 if found.more else reach.first
        start = max([start, reach.first, *(gap.until for gap in reach.gaps)])
        level = await self._chronicle.at(start, PREFIXES)
        self._fold = EventFold(start, level.entries)
        if self._horizon is None:
            self._horizon = parse_place(str(start))

    async def _step(self) -> bool:
        """Take in the next page; return whether there was one."""
        fold = self._fold
        if fold is None:
            return False
        seen = self._chronicle.seen
        reach = await self._chronicle.reach()
        if reach.first > fold.revision:
            # The chronicle was begun anew: its file was damaged, or this node was away for too long.
            await self._go_on(fold.revision, reach.first, "its chronicle began anew")
            return True
        if seen <= fold.revision:
            return False
        query = Query(after=fold.revision, until=seen, limit=PAGE, oldest_first=True)
        found = await self._chronicle.find(query)
        gap = _first_gap(found, fold.revision)
        for one in found.recorded:
            if gap is not None and one.revision > gap.until:
                break
            self._add(_taken(fold, one))
        if gap is not None:
            await self._go_on(gap.after, gap.until, gap.why)
            return True
        if not found.more:
            fold.revision = max(fold.revision, seen)
            self._ring()
        return found.more

    async def _go_on(self, after: int, until: int, why: str) -> None:
        """Go on behind a gap, and tell it."""
        level = await self._chronicle.at(until, PREFIXES)
        self._fold = EventFold(until, level.entries)
        self._add((missing(after, until, self._chronicle.now_ms(), why),))

    def _add(self, events: Sequence[Event]) -> None:
        if not events:
            return
        self._events += events
        if len(self._events) > self._most * 5 // 4:
            gone = len(self._events) - self._most
            self._horizon = self._events[gone - 1].place
            del self._events[:gone]
        self._ring()

    def _ring(self) -> None:
        self.moved.set()
        self.moved = asyncio.Event()

    # -- telling -----------------------------------------------------------------------------------

    async def newest(self, choice: Choice, limit: int) -> EventPage:
        """Return the last events wanted, in order: those in memory, and some before them if need be.

        Raises Unavailable before the feed has begun, and when events of long ago cannot be had now.
        """
        horizon = self._begun()
        found: list[Event] = []
        end = self._end()
        for event in reversed(self._events):
            if len(found) == limit:
                return EventPage(events=tuple(reversed(found)), next=end, more=False, earlier=True)
            if choice.takes(event):
                found.append(event)
        before, earlier = await self._in_turn(self._before(horizon, choice, limit - len(found)))
        return EventPage(events=(*before, *reversed(found)), next=end, more=False, earlier=earlier)

    async def after(self, place: Place, choice: Choice, limit: int) -> EventPage:
        """Return the first events wanted after a place, which any node may have told.

        A place that this node has not reached yet has nothing after it. Raises Unavailable when
        events of long ago cannot be had now.
        """
        if place < self._begun():
            return await self._in_turn(self._derived(place, choice, limit))
        found: list[Event] = []
        for position in range(bisect_right(self._events, place, key=_place), len(self._events)):
            event = self._events[position]
            if choice.takes(event):
                found.append(event)
                if len(found) == limit:
                    return EventPage(events=tuple(found), next=event.place, more=True)
        return EventPage(events=tuple(found), next=max(place, self._end()), more=False)

    def refuse_when_full(self) -> None:
        """Raise Unavailable when as many follow as may."""
        if self._followers >= MOST_FOLLOWERS:
            raise Unavailable(
                f"{MOST_FOLLOWERS} clients follow the events of this node; ask another one"
            )

    @contextmanager
    def following(self) -> Iterator[None]:
        """Count one who follows; raises Unavailable when there are too many."""
        self.refuse_when_full()
        self._followers += 1
        try:
            yield
        finally:
            self._followers -= 1

    def _end(self) -> Place:
        return parse_place(str(self.revision)) if self._fold is not None else NOWHERE

    def _begun(self) -> Place:
        """Return the horizon; raise Unavailable before there is one."""
        if self._horizon is None:
            raise Unavailable(
                "this node does not tell events yet: its chronicle waits for the store"
            )
        return self._horizon

    # -- the past ----------------------------------------------------------------------------------

    async def _in_turn(self, asked: Coroutine[None, None, _Answer]) -> _Answer:
        """Return an answer about the past: one is made at a time, within `PAST_S`."""
        begun = False
        try:
            async with asyncio.timeout(PAST_S), self._past:
                begun = True
                return await asked
        except TimeoutError as late:
            raise Unavailable(
                f"earlier events were not read within {PAST_S:g} s; ask again or later ones"
            ) from late
        finally:
            if not begun:
                asked.close()

    async def _before(
        self, horizon: Place, choice: Choice, limit: int
    ) -> tuple[tuple[Event, ...], bool]:
        """Return the last events wanted up to the horizon, and whether there may be more before.

        They are looked for in the last `MOST_SCANNED` transactions before it, not behind a gap.
        """
        reach = await self._chronicle.reach()
        first = max([reach.first, *(gap.until for gap in reach.gaps)])
        if limit <= 0 or horizon.revision <= first:
            return (), horizon.revision > reach.first
        query = Query(until=horizon.revision, limit=MOST_SCANNED)
        found = await self._chronicle.find(query)
        start = first
        if found.more and found.recorded:
            start = max(first, found.recorded[-1].revision - 1)
        if start >= horizon.revision:
            return (), start > reach.first
        held: list[Event] = []
        place, more = parse_place(str(start)), True
        while more and place < horizon:
            page = await self._derived(place, choice, PAGE)
            held += page.events
            more, place = place < page.next, page.next
        return tuple(held[-limit:]), len(held) > limit or start > reach.first

    async def _derived(self, place: Place, choice: Choice, limit: int) -> EventPage:
        """Derive again what is no longer in memory, up to what is."""
        found: list[Event] = []
        # Of the transaction that was told in part, the rest is derived with what came before it.
        whole = place == parse_place(str(place.revision))
        fold, gap = await self._fold_at(place.revision if whole else place.revision - 1)
        found += gap
        end = self._horizon or place
        for _ in range(MOST_SCANNED // PAGE):
            query = Query(after=fold.revision, until=end.revision, limit=PAGE, oldest_first=True)
            page = await self._chronicle.find(query)
            hole = _first_gap(page, fold.revision)
            for one in page.recorded:
                if hole is not None and one.revision > hole.until:
                    break
                told = [
                    event
                    for event in _taken(fold, one)
                    if place < event.place <= end and choice.takes(event)
                ]
                found += told
                if len(found) >= limit:
                    return EventPage(
                        events=tuple(found[:limit]), next=found[limit - 1].place, more=True
                    )
            if hole is not None:
                level = await self._chronicle.at(hole.until, PREFIXES)
                fold = EventFold(hole.until, level.entries)
                found.append(missing(hole.after, hole.until, self._chronicle.now_ms(), hole.why))
            elif not page.more:
                return EventPage(events=tuple(found), next=end, more=True)
        return EventPage(events=tuple(found), next=parse_place(str(fold.revision)), more=True)

    async def _fold_at(self, revision: int) -> tuple[EventFold, tuple[Event, ...]]:
        """Return the facts at a revision or at the first known one after it, and the gap between."""
        try:
            level = await self._chronicle.at(revision, PREFIXES)
        except NotFound as unknown:
            until = unknown.fields.get("until", unknown.fields.get("first"))
            if not isinstance(until, int):
                raise
            level = await self._chronicle.at(until, PREFIXES)
            gap = missing(revision, until, self._chronicle.now_ms(), unknown.message)
            return EventFold(until, level.entries), (gap,)
        return EventFold(revision, level.entries), ()


def _place(event: Event) -> Place:
    return event.place


def _taken(fold: EventFold, one: Recorded) -> tuple[Event, ...]:
    return fold.take(one.revision, one.time_ms, one.reason, one.changes)


@dataclass(frozen=True, slots=True)
class _Hole:
    after: int
    until: int
    why: str


def _first_gap(found: Found, after: int) -> _Hole | None:
    """Return the first gap that lies after a revision."""
    holes = [_Hole(gap.after, gap.until, gap.why) for gap in found.gaps if gap.until > after]
    return min(holes, key=lambda hole: hole.after, default=None)


async def _happens(event: asyncio.Event, within_s: float) -> bool:
    try:
        async with asyncio.timeout(within_s):
            await event.wait()
    except TimeoutError:
        return False
    return True
