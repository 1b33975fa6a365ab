"""Records about the store itself are read as they were written."""

from aether.core.model.ids import NodeId
from aether.core.model.records import decode, encode
from aether.core.model.store_records import BackupRecord, OutageRecord

N1 = NodeId("node-1")


def test_what_was_written_is_read() -> None:
    outage = OutageRecord(since_ms=1, lasted_s=7.5, seen_by=N1, leader=N1)
    assert decode(encode(outage), OutageRecord) == outage
    backup = BackupRecord(node=N1, by="api:anonymous", ended_ms=2, size=3, problem="it broke off")
    assert decode(encode(backup), BackupRecord) == backup


def test_a_backup_without_a_problem_is_whole() -> None:
    bare = b'{"node": "node-1", "by": "me", "ended_ms": 2, "size": 3}'
    assert not decode(bare, BackupRecord).problem
