"""Events and alerts as JSON values: what webhooks, streams and lists tell, in one form."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from aether.core.alerts.book import AlertBook, silencers
from aether.core.alerts.events import Event
from aether.core.alerts.thresholds import Series, runbook_of, unit_of
from aether.core.model import keys
from aether.core.model.alert_records import WebhookRecord
from aether.core.model.records import decode, encode
from aether.core.model.subjects import of_measured

HIDDEN = "(not shown)"
_LAST_MS = 253_402_300_799_000
"""The year 9999: a member with a mad clock must not make a list unreadable."""


def written(time_ms: int) -> str:
    """Write milliseconds since 1970 as RFC 3339 in UTC; empty for 0, which stands for unknown."""
    if not time_ms:
        return ""
    moment = datetime.fromtimestamp(min(max(time_ms, 0), _LAST_MS) / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def show_event(event: Event) -> dict[str, Any]:
    """Return an event as JSON values."""
    told: dict[str, Any] = {
        "id": event.id,
        "revision": event.place.revision,
        "time": written(event.time_ms),
        "type": event.type,
        "severity": event.severity,
        "subject": event.subject,
        "text": event.text,
        "actor": event.reason.actor,
        "rule": event.reason.rule,
        "why": event.reason.text,
    }
    if event.key.startswith(keys.ALERTS):
        metric, subject = keys.read_measured(event.key)
        told["alert"] = {"metric": metric, "subject": subject, "runbook": runbook_of(metric)}
    return told


def show_alert(book: AlertBook, series: Series, now_ms: int) -> dict[str, Any]:
    """Return an active alert as JSON values."""
    record, (metric, subject) = book.alerts[series], series
    return {
        "id": book.created[keys.alert(metric, subject)],
        "metric": metric,
        "subject": subject,
        "about": of_measured(metric, subject),
        "severity": record.severity,
        "text": record.text,
        "value": record.value,
        "bound": record.bound,
        "unit": unit_of(metric),
        "since": written(record.since_ms),
        "silenced_by": list(silencers(book, series, now_ms)),
        "runbook": runbook_of(metric),
    }


def without_secret(key: str, value: bytes) -> bytes:
    """Return a key's value as it may be shown: of a webhook neither what it signs with nor its path."""
    if not key.startswith(keys.WEBHOOKS):
        return value
    try:
        record = decode(value, WebhookRecord)
    except ValueError:
        return b"null"  # what cannot be read may hold a secret anywhere
    secret = HIDDEN if record.secret else ""
    return encode(replace(record, secret=secret, url=host_of(record.url)))


def host_of(url: str) -> str:
    """Return a URL without its path and query: whoever knows those may send there too.

    >>> host_of("https://hooks.example.org:8443/T0/secret?x=1")
    'https://hooks.example.org:8443/…'
    """
    scheme, _, rest = url.partition("://")
    host, slash, _ = rest.partition("/")
    return f"{scheme}://{host.partition('?')[0]}" + ("/…" if slash else "")
