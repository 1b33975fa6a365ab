"""Events in order, resumed anywhere: from memory, derived again, over gaps, and on another node."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

import pytest

from aether.chronicle import event_feed
from aether.chronicle.event_feed import MOST_FOLLOWERS, EventFeed, EventPage
from aether.core.alerts.events import MISSING, NOWHERE, Choice, parse_place
from aether.core.model.reason import Reason
from aether.core.store.commands import Applied, Put, Txn
from aether.errors import Unavailable
from aether.node.clock import MonotonicClock
from aether.tasks import Tasks
from tests.chronicle_world import POLL_S, WAIT_S, ChronicleWorld, chronicle_world

ALL = Choice()


@asynccontextmanager
async def fed(world: ChronicleWorld, held: int = 10_000) -> AsyncIterator[EventFeed]:
    feed, tasks = EventFeed(world.chronicle, MonotonicClock(), held=held), Tasks()
    tasks.start("events", feed.run())
    try:
        yield feed
    finally:
        await tasks.stop()


async def told(world: ChronicleWorld, feed: EventFeed) -> None:
    async with asyncio.timeout(WAIT_S):
        while feed.revision < world.store.revision:  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(POLL_S)


def topology(nodes: int) -> bytes:
    return b'{"nodes": %d, "max_nodes": 99}' % nodes


def texts(page: EventPage) -> list[str]:
    return [event.text.partition(" ")[0] for event in page.events]


async def change(world: ChronicleWorld, *counts: int) -> list[int]:
    return [await world.put("topology", topology(count)) for count in counts]


async def all_after(feed: EventFeed, place: str, limit: int = 7) -> list[str]:
    """Return the texts of all events after a place, page by page."""
    found, here = list[str](), parse_place(place) if place else NOWHERE
    for _ in range(200):
        page = await feed.after(here, ALL, limit)
        found += [MISSING if one.type == MISSING else texts_of(one) for one in page.events]
        here = page.next
        if not page.more:
            return found
    raise AssertionError("it never ends")


def texts_of(event: object) -> str:
    return str(getattr(event, "text", "")).partition(" ")[0]


async def test_what_happens_is_told_in_order_and_resumed() -> None:
    async with chronicle_world() as world:
        await change(world, 1)
        await world.begin()
        async with fed(world) as feed:
            revisions = await change(world, 2, 3, 4)
            await told(world, feed)
            page = await feed.newest(ALL, 2)
            assert texts(page) == ["3", "4"]
            assert [event.id for event in page.events] == [f"{r}.0" for r in revisions[1:]]
            later = await feed.after(page.events[0].place, ALL, 10)
            assert texts(later) == ["4"]
            assert str(later.next) == str(world.store.revision)
            (after,) = await change(world, 5)
            await told(world, feed)
            assert (await feed.after(later.next, ALL, 10)).events[0].id == f"{after}.0"


async def test_who_waits_is_woken() -> None:
    async with chronicle_world() as world:
        await change(world, 1)
        await world.begin()
        async with fed(world) as feed:
            await told(world, feed)
            moved = feed.moved
            assert not moved.is_set()
            (revision,) = await change(world, 2)
            async with asyncio.timeout(WAIT_S):
                await moved.wait()
            assert feed.revision >= revision


async def test_a_choice_goes_on_behind_what_it_did_not_take() -> None:
    async with chronicle_world() as world:
        await change(world, 1)
        await world.begin()
        async with fed(world) as feed:
            await change(world, 2)
            await told(world, feed)
            page = await feed.after(parse_place("1"), Choice(types=("NODE_*",)), 10)
            assert page.events == ()
            assert str(page.next) == str(feed.revision)


async def test_what_is_no_longer_in_memory_is_derived_again_the_same() -> None:
    async with chronicle_world() as world:
        first = (await change(world, 0))[0]
        await world.begin()
        async with fed(world, held=10) as small, fed(world) as large:
            await change(world, *range(1, 60))
            await told(world, small)
            await told(world, large)
            expected = [str(number) for number in range(1, 60)]
            assert await all_after(large, str(first)) == expected
            assert await all_after(small, str(first)) == expected
            assert await all_after(small, f"{first + 5}.0") == expected[5:]


async def test_a_node_that_starts_again_tells_what_was_before() -> None:
    async with chronicle_world() as world:
        first = (await change(world, 0))[0]
        await world.begin()
        await change(world, 1, 2, 3)
        await world.end()
        await world.begin()
        async with fed(world) as feed:
            await told(world, feed)
            assert await all_after(feed, str(first)) == ["1", "2", "3"]


async def test_before_the_beginning_lies_a_gap_and_it_is_told() -> None:
    async with chronicle_world() as world:
        await change(world, 1, 2, 3)
        await world.begin()
        async with fed(world) as feed:
            await change(world, 4)
            await told(world, feed)
            assert await all_after(feed, "1") == [MISSING, "4"]


async def test_a_place_that_is_still_to_come_has_nothing_after_it() -> None:
    async with chronicle_world() as world:
        await change(world, 1)
        await world.begin()
        async with fed(world) as feed:
            await told(world, feed)
            page = await feed.after(parse_place("999.3"), ALL, 10)
            assert (page.events, str(page.next), page.more) == ((), "999.3", False)


async def test_a_chronicle_begun_anew_is_a_gap_and_what_follows_is_told() -> None:
    async with chronicle_world() as world:
        await change(world, 1)
        await world.begin()
        async with fed(world) as feed:
            await change(world, 2)
            await told(world, feed)
            await change(world, 3)
            world.chronicle._recorder.report_damage()
            await change(world, 4)
            await told(world, feed)
            await change(world, 5)
            await told(world, feed)
            found = [event.type for event in (await feed.newest(ALL, 10)).events]
            assert found[-2:] == [MISSING, "TOPOLOGY_CHANGED"]


async def test_before_it_has_begun_nothing_is_told() -> None:
    async with chronicle_world() as world:
        feed = EventFeed(world.chronicle, MonotonicClock())
        with pytest.raises(Unavailable, match="does not tell events yet"):
            await feed.after(NOWHERE, ALL, 1)
        with pytest.raises(Unavailable, match="does not tell events yet"):
            await feed.newest(ALL, 5)


async def test_no_more_follow_than_may() -> None:
    async with chronicle_world() as world:
        feed = EventFeed(world.chronicle, MonotonicClock())
        for _ in range(2):  # the second time because the first ones went again
            with ExitStack() as others:
                for _ in range(MOST_FOLLOWERS):
                    others.enter_context(feed.following())
                with pytest.raises(Unavailable, match="ask another one"):
                    others.enter_context(feed.following())


async def test_the_events_of_one_transaction_are_cut_between_pages() -> None:
    async with chronicle_world() as world:
        await change(world, 1)
        await world.begin()
        async with fed(world, held=1) as feed:
            routes = [Put(f"route/GET /{n}", b'{"slice": "a:b"}') for n in range(5)]
            outcome = await world.store.txn(Txn(tuple(routes), Reason("t", "t", "t")))
            assert isinstance(outcome, Applied)
            await change(world, 7, 8, 9)
            await told(world, feed)
            found, here = list[str](), parse_place(str(outcome.revision - 1))
            for _ in range(20):
                page = await feed.after(here, ALL, 2)
                found += [event.id for event in page.events]
                here = page.next
                if not page.more:
                    break
            assert found[:5] == [f"{outcome.revision}.{n}" for n in range(5)]
            assert len(found) == len(set(found)) == 8


async def test_the_last_ones_go_on_before_what_is_in_memory() -> None:
    async with chronicle_world() as world:
        await change(world, 0)
        await world.begin()
        async with fed(world, held=10) as small:
            await change(world, *range(1, 60))
            await told(world, small)
            assert len(small._events) < 30
            page = await small.newest(ALL, 40)
            assert texts(page) == [str(number) for number in range(20, 60)]
            assert page.earlier
            whole = await small.newest(ALL, 100)
            assert texts(whole) == [str(number) for number in range(1, 60)]
            assert not whole.earlier


async def test_what_was_not_looked_through_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_feed, "MOST_SCANNED", 20)
    monkeypatch.setattr(event_feed, "PAGE", 10)
    async with chronicle_world() as world:
        await change(world, 0)
        await world.begin()
        async with fed(world, held=10) as small:
            await change(world, *range(1, 60))
            await told(world, small)
            page = await small.newest(ALL, 100)
            assert 20 <= len(page.events) < 59
            assert texts(page)[-1] == "59"
            assert page.earlier
