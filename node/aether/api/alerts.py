"""Calls about alerts: those that are active, those there were, and silences."""

import secrets
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from aether.api.alert_changes import read_book, submit
from aether.api.call import Answer, Call, Context
from aether.api.changes import subjects_named
from aether.api.endpoint import FRESH, Endpoint, v1
from aether.api.events import feed_of, place_named, show_page
from aether.core.alerts.book import AlertBook
from aether.core.alerts.events import Choice
from aether.core.alerts.showing import show_alert, written
from aether.core.alerts.thresholds import ANY
from aether.core.control.alert_admission import (
    MOST_SILENCE_MS,
    MOST_TEXT,
    admit_no_silence,
    admit_silence,
)
from aether.core.model.alert_records import RANK, SilenceRecord
from aether.core.model.records import to_plain

HOUR_MS = 3_600_000


class Silence(BaseModel):
    """Which alerts nobody is to be told of, and for how long."""

    model_config = ConfigDict(extra="forbid", strict=True)

    metric: str = Field(ANY, description="name of a metric, or * for all")
    subject: str = Field(ANY, description="node, slice or *; as the alert names it")
    duration_s: float = Field(3600.0, gt=0, le=MOST_SILENCE_MS / 1000)
    author: str = Field(min_length=1, max_length=MOST_TEXT)
    comment: str = Field("", max_length=MOST_TEXT)


async def list_alerts(context: Context, call: Call) -> Answer:
    """Answer with the active alerts, the worst first."""
    book = await read_book(context, call.consistency)
    now_ms = int(context.wall() * 1000)
    worst_first = sorted(
        book.alerts, key=lambda series: (-RANK[book.alerts[series].severity], series)
    )
    return Answer(
        value={
            "items": [show_alert(book, series, now_ms) for series in worst_first],
            "unreadable": dict(book.unreadable),
            "revision": book.revision,
        }
    )


async def list_history(context: Context, call: Call) -> Answer:
    """Answer with what alerts did, in order: the events of type ALERT_*."""
    feed = feed_of(context)
    subject = call.query.get("subject")
    choice = Choice(types=("ALERT_*",), subjects=subjects_named(subject) if subject else ())
    after = call.query.get("after")
    if after is None:
        told = await feed.newest(choice, call.limit)
    else:
        told = await feed.after(place_named(after, "after"), choice, call.limit)
    return Answer(value=show_page(told, feed))


async def list_silences(context: Context, call: Call) -> Answer:
    """Answer with the silences that have not ended."""
    book = await read_book(context, call.consistency)
    now_ms = int(context.wall() * 1000)
    shown = [
        _show_silence(book, name)
        for name in sorted(book.silences)
        if book.silences[name].until_ms > now_ms
    ]
    return Answer(value={"items": shown})


async def post_silence(context: Context, call: Call) -> Answer:
    """Begin a silence."""
    body = call.json(Silence)
    now_ms = int(context.wall() * 1000)
    record = SilenceRecord(
        metric=body.metric,
        subject=body.subject,
        author=body.author,
        comment=body.comment,
        created_ms=now_ms,
        until_ms=now_ms + int(body.duration_s * 1000),
    )
    name = secrets.token_hex(4)
    change = await submit(context, call, lambda book: admit_silence(book, name, record))
    return Answer(
        value={**to_plain(change), "id": name, "until": written(record.until_ms)}, status=201
    )


async def delete_silence(context: Context, call: Call) -> Answer:
    """End a silence before its time."""
    name = call.params["id"]
    change = await submit(context, call, lambda book: admit_no_silence(book, name))
    return Answer(value=to_plain(change))


def _show_silence(book: AlertBook, name: str) -> dict[str, Any]:
    record = book.silences[name]
    return {
        "id": name,
        "metric": record.metric,
        "subject": record.subject,
        "author": record.author,
        "comment": record.comment,
        "created": written(record.created_ms),
        "until": written(record.until_ms),
    }


_CHANGE = "`changed`, `revision`, `summary`"

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET", path=v1("alerts"), name="alert.list", handler=list_alerts,
        answers="active alerts, the worst first, each with its `runbook` and who silences it",
        query=FRESH,
    ),
    Endpoint(
        method="GET", path=v1("alerts/history"), name="alert.history", handler=list_history,
        answers="what alerts did, in order, as events; `earlier`: there may be some before the last ones",
        query={
            "after": "later than this event id; the last ones when left out",
            "subject": "`node/…`, `slice/…`, `cluster`, or a name without its kind",
            "limit": "most events, 1 to 1000; 100 when left out",
        },
    ),
    Endpoint(
        method="GET", path=v1("alerts/silences"), name="silence.list", handler=list_silences,
        answers="silences that have not ended", query=FRESH,
    ),
    Endpoint(
        method="POST", path=v1("alerts/silences"), name="silence.post", handler=post_silence,
        answers=f"{_CHANGE}, `id`, `until`", role="operator", leader_only=True, status=201,
        takes="JSON `{metric, subject, duration_s, author, comment}`", model=Silence,
    ),
    Endpoint(
        method="DELETE", path=v1("alerts/silences/{id}"), name="silence.delete",
        handler=delete_silence, answers=_CHANGE, role="operator", leader_only=True,
    ),
)  # fmt: skip
