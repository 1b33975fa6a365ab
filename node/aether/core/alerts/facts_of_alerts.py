"""What changes of thresholds, alerts, silences, log levels and webhooks say has happened."""

from collections.abc import Iterator

from aether.core.alerts.events import Told
from aether.core.model import keys
from aether.core.model.alert_records import (
    RANK,
    AlertRecord,
    LogLevelRecord,
    Severity,
    SilenceRecord,
    ThresholdRecord,
)
from aether.core.model.subjects import CLUSTER, of_measured


def threshold(
    key: str, before: ThresholdRecord | None, after: ThresholdRecord | None
) -> Iterator[Told]:
    """Tell that a threshold was set or taken back."""
    metric, subject = keys.read_measured(key)
    if before == after:
        return
    whose = f"{metric} of {subject}" if subject not in ("", "*") else metric
    how = "is the built-in one again" if after is None else "was set"
    text = f"the threshold of {whose} {how}"
    yield Told("THRESHOLD_CHANGED", Severity.INFO, of_measured(metric, subject), text)


def alert(key: str, before: AlertRecord | None, after: AlertRecord | None) -> Iterator[Told]:
    """Tell that an alert was raised, changed its severity, or is over."""
    metric, subject = keys.read_measured(key)
    about = of_measured(metric, subject)
    if after is None:
        said = f", after it said: {before.text}" if before is not None else ""
        yield Told("ALERT_RESOLVED", Severity.INFO, about, f"{metric} is over{said}")
    elif before is None:
        yield Told("ALERT_RAISED", after.severity, about, after.text)
    elif before.severity != after.severity:
        worse = RANK[after.severity] > RANK[before.severity]
        kind = "ALERT_WORSENED" if worse else "ALERT_EASED"
        yield Told(kind, after.severity, about, after.text)


def silence(key: str, before: SilenceRecord | None, after: SilenceRecord | None) -> Iterator[Told]:
    """Tell that a silence begins or ends."""
    name = key.removeprefix(keys.SILENCES)
    if after is None:
        yield Told("SILENCE_ENDED", Severity.INFO, CLUSTER, f"silence {name} is over")
    elif before is None:
        what = f"{after.metric} of {after.subject}, by {after.author}"
        text = f"silence {name}: nobody is told of {what}"
        yield Told("SILENCE_BEGUN", Severity.INFO, CLUSTER, text)


def log_level(
    key: str, before: LogLevelRecord | None, after: LogLevelRecord | None
) -> Iterator[Told]:
    """Tell that the level of a logger was changed or taken back."""
    name = key.removeprefix(keys.LOG_LEVELS)
    if before == after:
        return
    where = ", ".join(after.nodes) if after is not None and after.nodes else "all nodes"
    text = (
        f"{name} logs as before again"
        if after is None
        else f"{name} logs from {after.level} on {where}"
    )
    yield Told("LOG_LEVEL_CHANGED", Severity.INFO, CLUSTER, text)


def webhook(key: str, before: object, after: object) -> Iterator[Told]:
    """Tell that a webhook was added, changed or removed; where it leads is not told."""
    name = key.removeprefix(keys.WEBHOOKS)
    if before == after:
        return
    what = "removed" if after is None else "added" if before is None else "changed"
    yield Told("WEBHOOK_CHANGED", Severity.INFO, CLUSTER, f"webhook {name} was {what}")
