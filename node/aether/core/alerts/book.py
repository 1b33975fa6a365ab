"""What the store says about alerts, at one revision: thresholds, active alerts, silences, webhooks.

A value that cannot be read is left out and listed in `unreadable`. It is a view of its own: the
leader's loop over instances has no use for it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from aether.core.alerts.thresholds import ANY, Series
from aether.core.model import keys
from aether.core.model.alert_records import (
    AlertRecord,
    DeliveryRecord,
    LogLevelRecord,
    Severity,
    SilenceRecord,
    ThresholdRecord,
    WebhookRecord,
)
from aether.core.model.records import EpochRecord, decode
from aether.core.store.commands import Entry

PREFIXES: tuple[str, ...] = (
    keys.EPOCH,
    keys.THRESHOLDS,
    keys.ALERTS,
    keys.SILENCES,
    keys.LOG_LEVELS,
    keys.WEBHOOKS,
    keys.DELIVERIES,
)
"""What must be read from the store to have the whole book."""


def _none() -> Mapping[Any, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertBook:
    """All records about alerts; `revisions` holds each key's modification revision."""

    revision: int = 0
    epoch: EpochRecord | None = None
    thresholds: Mapping[Series, ThresholdRecord] = field(default_factory=_none)
    alerts: Mapping[Series, AlertRecord] = field(default_factory=_none)
    silences: Mapping[str, SilenceRecord] = field(default_factory=_none)
    log_levels: Mapping[str, LogLevelRecord] = field(default_factory=_none)
    webhooks: Mapping[str, WebhookRecord] = field(default_factory=_none)
    deliveries: Mapping[str, DeliveryRecord] = field(default_factory=_none)
    revisions: Mapping[str, int] = field(default_factory=_none)
    created: Mapping[str, int] = field(default_factory=_none)
    """Each key's revision of creation: it names one raising of an alert."""
    unreadable: Mapping[str, str] = field(default_factory=_none)

    def active(self) -> Mapping[Series, Severity]:
        """Every active alert and how bad it is."""
        return {series: record.severity for series, record in self.alerts.items()}


_FAMILIES: Mapping[str, tuple[str, type[Any], Callable[[str], Any]]] = {
    "threshold": ("thresholds", ThresholdRecord, keys.read_measured),
    "alert": ("alerts", AlertRecord, keys.read_measured),
    "silence": ("silences", SilenceRecord, lambda key: key.removeprefix(keys.SILENCES)),
    "loglevel": ("log_levels", LogLevelRecord, lambda key: key.removeprefix(keys.LOG_LEVELS)),
    "webhook": ("webhooks", WebhookRecord, lambda key: key.removeprefix(keys.WEBHOOKS)),
    "delivery": ("deliveries", DeliveryRecord, lambda key: key.removeprefix(keys.DELIVERIES)),
}


def open_book(entries: Iterable[Entry], revision: int) -> AlertBook:
    """Build the book of what stands under `PREFIXES`; other keys are passed over."""
    tables: dict[str, dict[Any, Any]] = {table: {} for table, _, _ in _FAMILIES.values()}
    epoch: EpochRecord | None = None
    revisions, created, unreadable = dict[str, int](), dict[str, int](), dict[str, str]()
    for entry in entries:
        family = _FAMILIES.get(entry.key.partition("/")[0])
        if family is None and entry.key != keys.EPOCH:
            continue
        revisions[entry.key] = entry.mod_revision
        created[entry.key] = entry.create_revision
        try:
            if family is None:
                epoch = decode(entry.value, EpochRecord)
            else:
                table, kind, name = family
                tables[table][name(entry.key)] = decode(entry.value, kind)
        except ValueError as problem:
            unreadable[entry.key] = str(problem)
    return AlertBook(
        revision=revision,
        epoch=epoch,
        revisions=revisions,
        created=created,
        unreadable=unreadable,
        **tables,
    )


def silencers(book: AlertBook, series: Series, now_ms: int) -> tuple[str, ...]:
    """Return the silences under which nobody is told of a series now, sorted."""
    return tuple(
        sorted(
            name
            for name, silence in book.silences.items()
            if silence.until_ms > now_ms and covers(silence, series)
        )
    )


def covers(silence: SilenceRecord, series: Series) -> bool:
    """Whether a silence is about a series: each half is named, or `*`."""
    metric, subject = series
    return silence.metric in (ANY, metric) and silence.subject in (ANY, subject)
