"""Calls about webhooks: who is told of events by HTTP, how it goes, and trying one out."""

from typing import Any

import structlog
from pydantic import BaseModel, ConfigDict, Field

from aether.api.alert_changes import read_book, submit
from aether.api.asking import ask
from aether.api.call import FORWARDED, Answer, Call, Context, WebhookTeller
from aether.api.endpoint import FRESH, Endpoint, v1
from aether.core.alerts.book import AlertBook
from aether.core.alerts.showing import host_of, written
from aether.core.control.admission import Admitted, Rejected
from aether.core.control.alert_admission import admit_no_webhook, admit_webhook
from aether.core.model.alert_records import Severity, WebhookRecord
from aether.core.model.records import to_plain
from aether.core.store.commands import Consistency
from aether.errors import AetherError, NotFound, Unavailable

_log = structlog.get_logger()


class Webhook(BaseModel):
    """Where events are sent, which, and how they are signed."""

    model_config = ConfigDict(extra="forbid", strict=True)

    url: str
    secret: str | None = Field(None, description="signs each event; left out: as it was")
    types: list[str] = Field(default_factory=lambda: ["ALERT_*"])
    severity: str = Field("info", description="least severity")
    timeout_s: float = 5.0


async def list_webhooks(context: Context, call: Call) -> Answer:
    """Answer with the webhooks and how deliveries go, as the leader knows; secrets are not told."""
    leader = context.store.leader
    if leader not in (None, context.node) and FORWARDED not in call.headers:
        try:
            return Answer(value=await ask(context, leader, v1("webhooks")))
        except AetherError as problem:
            _log.info("leader does not tell of webhooks", leader=leader, problem=problem.message)
    book = await read_book(context, call.consistency)
    teller = _teller(context)
    return Answer(value={"items": [_show(book, name, teller) for name in sorted(book.webhooks)]})


async def put_webhook(context: Context, call: Call) -> Answer:
    """Add or change a webhook; it is told of what happens from now on."""
    name, body = call.params["name"], call.json(Webhook)
    now = str(context.store.revision)

    def decide(book: AlertBook) -> Admitted | Rejected:
        before = book.webhooks.get(name)
        kept = before.secret if before is not None else ""
        if body.severity not in tuple(Severity):
            return Rejected("invalid", (f"severity: say {', '.join(Severity)}",))
        record = WebhookRecord(
            url=body.url,
            secret=kept if body.secret is None else body.secret,
            types=tuple(body.types),
            least=Severity(body.severity),
            timeout_s=body.timeout_s,
            created_ms=before.created_ms if before else int(context.wall() * 1000),
            from_event=before.from_event if before else now,
        )
        return admit_webhook(book, name, record)

    return Answer(value=to_plain(await submit(context, call, decide)))


async def delete_webhook(context: Context, call: Call) -> Answer:
    """Remove a webhook; what waits for it is not sent."""
    name = call.params["name"]
    change = await submit(context, call, lambda book: admit_no_webhook(book, name))
    return Answer(value=to_plain(change))


async def try_webhook(context: Context, call: Call) -> Answer:
    """Send a webhook an event that never happened, once, now."""
    name = call.params["name"]
    book = await read_book(context, Consistency.LINEARIZABLE)
    if name not in book.webhooks:
        known = ", ".join(sorted(book.webhooks)) or "there is none"
        raise NotFound(f"there is no webhook {name[:80]}; known: {known}")
    status = await _teller(context).try_out(name, book.webhooks[name])
    return Answer(value={"status": status, "delivered": 200 <= status < 300})


def _teller(context: Context) -> WebhookTeller:
    if context.webhooks is None:
        raise Unavailable("this node tells no webhooks")
    return context.webhooks


def _show(book: AlertBook, name: str, teller: WebhookTeller) -> dict[str, Any]:
    record, told = book.webhooks[name], book.deliveries.get(name)
    return {
        "name": name,
        "url": host_of(record.url),
        "signed": bool(record.secret),
        "types": list(record.types),
        "severity": record.least,
        "timeout_s": record.timeout_s,
        "created": written(record.created_ms),
        "told": dict(told.told) if told is not None else {},
        "state": dict(teller.state(name)),
    }


_CHANGE = "`changed`, `revision`, `summary`"

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET", path=v1("webhooks"), name="webhook.list", handler=list_webhooks,
        answers="webhooks, what they are told of and how that goes; neither secrets nor paths",
        query=FRESH,
    ),
    Endpoint(
        method="PUT", path=v1("webhooks/{name}"), name="webhook.put", handler=put_webhook,
        answers=_CHANGE, role="operator", leader_only=True,
        takes="JSON `{url, secret, types, severity, timeout_s}`", model=Webhook,
    ),
    Endpoint(
        method="DELETE", path=v1("webhooks/{name}"), name="webhook.delete",
        handler=delete_webhook, answers=_CHANGE, role="operator", leader_only=True,
    ),
    Endpoint(
        method="POST", path=v1("webhooks/{name}/test"), name="webhook.test",
        handler=try_webhook, answers="`status` of its answer, `delivered`", role="operator",
        leader_only=True,
    ),
)  # fmt: skip
