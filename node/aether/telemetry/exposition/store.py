"""The series of the replicated store as this node's member sees it; of the others when it leads."""

from collections.abc import Iterator

from aether.core.control.margins import margin
from aether.core.model.ids import NodeId
from aether.ports import Group, MemberStatus, Store
from aether.telemetry.exposition.series import Sample, Source, Tell

SOURCE = "store"
SILENT_S = 2.0
"""A voter that did not answer the leader for so long is not counted on."""
CONDITIONS = ("ok", "recovering", "disk_full", "disk_failed", "quarantined", "failed")


def store_source(group: Group, store: Store) -> Source:
    """Return the source."""

    async def look() -> Tell:
        status, revision = await group.status(), store.revision
        return lambda: _told(status, revision)

    return Source(SOURCE, look)


def _told(status: MemberStatus, revision: int) -> Iterator[Sample]:
    voters = {member.node for member in status.members if member.voter}
    values = {
        "aether_store_term": status.term,
        "aether_store_commit_index": status.commit,
        "aether_store_applied_index": status.applied,
        "aether_store_last_index": status.last_index,
        "aether_store_snapshot_index": status.snapshot_index,
        "aether_store_log_entries": max(status.last_index - status.first_index + 1, 0),
        "aether_store_revision": revision,
        "aether_store_voters": len(voters),
        "aether_store_has_leader": status.leader is not None,
        "aether_store_is_leader": status.leader == status.node,
    }
    for name, value in values.items():
        yield Sample(name, (), value)
    for condition in (*CONDITIONS, *({status.condition} - {*CONDITIONS})):
        yield Sample("aether_store_condition", (condition,), status.condition == condition)
    if status.leader == status.node:
        yield from _others(status, voters)


def _others(status: MemberStatus, voters: set[NodeId]) -> Iterator[Sample]:
    answering = {status.node, *(one.node for one in status.peers if one.silent_s < SILENT_S)}
    counted = margin(voters, answering)
    yield Sample("aether_store_voters_answering", (), counted.answering)
    yield Sample("aether_store_quorum_margin", (), counted.may_fail)
    for peer in status.peers:
        lag = max(status.last_index - peer.match, 0)
        yield Sample("aether_store_member_lag_entries", (peer.node,), lag)
        yield Sample("aether_store_member_silence_seconds", (peer.node,), peer.silent_s)
