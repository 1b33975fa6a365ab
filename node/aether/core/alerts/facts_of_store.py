"""What the records of outages and backups say has happened."""

from collections.abc import Iterator
from datetime import UTC, datetime

from aether.core.alerts.events import Told
from aether.core.model.alert_records import Severity
from aether.core.model.store_records import BackupRecord, OutageRecord
from aether.core.model.subjects import CLUSTER


def outage(_: str, before: OutageRecord | None, after: OutageRecord | None) -> Iterator[Told]:
    """Tell that a quorum was lost, and that it is there again: both are known at its end."""
    if after is None or after == before:
        return
    lasted = f"{after.lasted_s:.0f} s"
    text = (
        f"nobody led for {lasted} since {_time(after.since_ms)}, as {after.seen_by} saw it: "
        "nothing could be written"
    )
    yield Told("QUORUM_LOST", Severity.CRITICAL, CLUSTER, text)
    again = f"{after.leader} leads after {lasted} in which nobody did"
    yield Told("QUORUM_REGAINED", Severity.INFO, CLUSTER, again)


def backup(_: str, before: BackupRecord | None, after: BackupRecord | None) -> Iterator[Told]:
    """Tell that a backup was handed out, or is not whole."""
    if after is None or after == before:
        return
    size = f"{after.size / 1e6:.1f} MB"
    if after.problem:
        text = f"a backup {after.by} asked {after.node} for broke off after {size}: {after.problem}"
        yield Told("BACKUP_FAILED", Severity.WARNING, CLUSTER, text)
    else:
        text = f"{after.node} gave {after.by} a backup of {size}"
        yield Told("BACKUP_TAKEN", Severity.INFO, CLUSTER, text)


def _time(since_ms: int) -> str:
    return datetime.fromtimestamp(since_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
