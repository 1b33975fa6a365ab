"""What outages and backups are told as."""

from aether.core.alerts import facts_of_store
from aether.core.model import keys
from aether.core.model.alert_records import Severity
from aether.core.model.ids import NodeId
from aether.core.model.store_records import BackupRecord, OutageRecord

N1, N2 = NodeId("node-1"), NodeId("node-2")
OUTAGE = OutageRecord(since_ms=1_700_000_000_123, lasted_s=67.4, seen_by=N1, leader=N2)
BACKUP = BackupRecord(node=N1, by="api:anonymous", ended_ms=5, size=12_300_000)


def test_a_lost_quorum_is_told_with_its_end() -> None:
    lost, again = facts_of_store.outage(keys.OUTAGE, None, OUTAGE)
    assert (lost.type, lost.severity, lost.subject) == (
        "QUORUM_LOST",
        Severity.CRITICAL,
        "cluster",
    )
    assert lost.text == (
        "nobody led for 67 s since 2023-11-14T22:13:20Z, as node-1 saw it: nothing could be written"
    )
    assert (again.type, again.severity) == ("QUORUM_REGAINED", Severity.INFO)
    assert again.text == "node-2 leads after 67 s in which nobody did"


def test_the_same_outage_is_told_once() -> None:
    assert not list(facts_of_store.outage(keys.OUTAGE, OUTAGE, OUTAGE))
    assert not list(facts_of_store.outage(keys.OUTAGE, OUTAGE, None))


def test_a_backup_is_told_whole_or_broken_off() -> None:
    (taken,) = facts_of_store.backup(keys.BACKUP, None, BACKUP)
    assert (taken.type, taken.text) == (
        "BACKUP_TAKEN",
        "node-1 gave api:anonymous a backup of 12.3 MB",
    )
    broken = BackupRecord(node=N1, by="me", ended_ms=6, size=0, problem="no disk")
    (failed,) = facts_of_store.backup(keys.BACKUP, BACKUP, broken)
    assert (failed.type, failed.severity) == ("BACKUP_FAILED", Severity.WARNING)
    assert failed.text == "a backup me asked node-1 for broke off after 0.0 MB: no disk"
    assert not list(facts_of_store.backup(keys.BACKUP, broken, broken))
    assert not list(facts_of_store.backup(keys.BACKUP, broken, None))
