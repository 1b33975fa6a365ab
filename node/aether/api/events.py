"""Calls about what happened: lists that go on from an event, and streams (server-sent events)."""

import asyncio
from collections.abc import AsyncGenerator

import msgspec

from aether.api.call import Answer, Call, Context
from aether.api.changes import subjects_named
from aether.api.endpoint import Endpoint, v1
from aether.chronicle.event_feed import EventFeed, EventPage
from aether.core.alerts.events import TYPES, Choice, Event, Place, fits_any, parse_place
from aether.core.alerts.showing import show_event
from aether.core.model.alert_records import Severity
from aether.errors import Invalid, Unavailable

KEEP_ALIVE_S = 15.0
"""A comment is sent after so long without an event, so that nobody on the way takes it for dead."""
PAGE = 200
"""Most events of one piece of a stream."""
RETRY_MS = 1000
"""How long a client waits before it connects again, as the stream tells it."""
_STREAM = "text/event-stream"


async def list_events(context: Context, call: Call) -> Answer:
    """Answer with events in order: the last ones, or those after an event; or stream them."""
    feed, choice, after = feed_of(context), _choice(call), _after(call)
    if _STREAM in call.headers.get("accept", ""):
        # Asked before the first byte, so that what keeps a stream from beginning is a proper error.
        feed.refuse_when_full()
        told = await _page(feed, after, choice, min(call.limit, PAGE))
        return Answer(value=None, stream=_stream(feed, choice, told), stream_type=_STREAM)
    told = await _page(feed, after, choice, call.limit)
    return Answer(value=show_page(told, feed))


def show_page(told: EventPage, feed: EventFeed) -> dict[str, object]:
    """Return a page of events as JSON values."""
    return {
        "items": [show_event(event) for event in told.events],
        "next": str(told.next),
        "more": told.more,
        "earlier": told.earlier,
        "revision": feed.revision,
    }


def feed_of(context: Context) -> EventFeed:
    """Return the node's events; raises Unavailable where nothing is recorded."""
    if context.events is None:
        raise Unavailable("this node tells no events: it keeps no chronicle")
    return context.events


def place_named(text: str, name: str) -> Place:
    """Return the place an event id stands for; raise Invalid when it is none."""
    try:
        return parse_place(text)
    except ValueError as problem:
        raise Invalid(f"{name}: {problem}") from problem


def _after(call: Call) -> Place | None:
    """Return where to go on: where a stream broke off, or `after`; None: nowhere in particular.

    A client that connects again sends the same URL with how far it came: the latter counts.
    """
    for name, text in (
        ("last-event-id", call.headers.get("last-event-id", "")),
        ("after", call.query.get("after", "")),
    ):
        if text:
            return place_named(text, name)
    return None


async def _page(feed: EventFeed, after: Place | None, choice: Choice, limit: int) -> EventPage:
    return (
        await feed.newest(choice, limit)
        if after is None
        else await feed.after(after, choice, limit)
    )


def _choice(call: Call) -> Choice:
    types = tuple(filter(None, call.query.get("type", "").split(",")))
    for name in types:
        if not any(fits_any(known, (name,)) for known in TYPES):
            raise Invalid(f"type={name[:60]!r}: no event has this type; see docs/guide/alerts.md")
    text = call.query.get("severity", Severity.INFO)
    try:
        least = Severity(text)
    except ValueError as problem:
        raise Invalid(f"severity={text[:40]!r}: say {', '.join(Severity)}") from problem
    subject = call.query.get("subject")
    subjects = subjects_named(subject) if subject else ()
    return Choice(types=types, subjects=subjects, least=least)


async def _stream(feed: EventFeed, choice: Choice, told: EventPage) -> AsyncGenerator[bytes, None]:
    """Yield events as they come, and a comment now and then, until the client or the node goes."""
    with feed.following():
        yield f"retry: {RETRY_MS}\n: from {told.next}\n\n".encode()
        while not feed.is_closed:
            moved = feed.moved
            if told.events:
                yield b"".join(map(_frame, told.events))
            place = told.next
            told = await feed.after(place, choice, PAGE)
            if told.events or told.more:
                continue
            try:
                async with asyncio.timeout(KEEP_ALIVE_S):
                    await moved.wait()
            except TimeoutError:
                yield b": still here\n\n"
            told = EventPage(events=(), next=max(place, told.next), more=False)


def _frame(event: Event) -> bytes:
    return b"id: %b\ndata: %b\n\n" % (event.id.encode(), msgspec.json.encode(show_event(event)))


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET", path=v1("events"), name="event.list", handler=list_events,
        answers="events in order, each with its `id`; `next` is where to go on, `earlier` whether there may be "
        "some before the last ones. With "
        "`Accept: text/event-stream` they are streamed, and `Last-Event-ID` goes on where a stream ended",
        query={
            "after": "later than this event id, of any node, or revision; "
            "the last ones when left out",
            "type": "types, separated by commas; `NODE_*` stands for all that begin so",
            "severity": "`info` (default), `warning` or `critical` and what is worse",
            "subject": "`node/…`, `slice/…`, `blueprint/…`, `cluster`, or a name without its kind",
            "limit": "most events, 1 to 1000; 100 when left out",
        },
    ),
)  # fmt: skip
