"""The series of the replicated store as this node's member sees it; of the others when it leads."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from aether.core.control.margins import margin
from aether.core.model.ids import NodeId
from aether.ports import Group, MemberStatus, Store
from aether.telemetry.exposition.series import Sample, Series, Source, Tell

SOURCE = "store"

_LEADER: dict[str, Any] = {"whose": "leader"}
_MEMBER: dict[str, Any] = {"whose": "leader", "labels": ("member",), "most": 128}
_row = partial(Series, source=SOURCE)

ROWS: tuple[Series, ...] = (
    _row(kind="gauge", name="aether_store_term", help="Term of consensus this member is in."),
    _row(
        kind="gauge",
        name="aether_store_commit_index",
        help="Highest log index known to be committed.",
    ),
    _row(
        kind="gauge",
        name="aether_store_applied_index",
        help="Highest log index applied to the keys.",
    ),
    _row(kind="gauge", name="aether_store_last_index", help="Highest log index this member has."),
    _row(
        kind="gauge",
        name="aether_store_snapshot_index",
        help="Log index of the newest snapshot.",
        calm="no snapshot was due yet",
    ),
    _row(kind="gauge", name="aether_store_log_entries", help="Entries of the log that are kept."),
    _row(
        kind="gauge",
        name="aether_store_revision",
        help="Revision of the keys this node has applied.",
    ),
    _row(kind="gauge", name="aether_store_voters", help="Members that vote."),
    _row(kind="gauge", name="aether_store_has_leader", help="Whether this member knows a leader."),
    _row(
        kind="gauge",
        name="aether_store_is_leader",
        help="Whether this member leads.",
        calm="another node leads",
    ),
    _row(
        kind="gauge",
        name="aether_store_condition",
        help="1 for the condition this member is in, 0 for the others.",
        labels=("condition",),
        most=8,
    ),
    _row(
        kind="gauge",
        name="aether_store_voters_answering",
        help="Voters that answer the leader, itself included.",
        **_LEADER,
    ),
    _row(
        kind="gauge",
        name="aether_store_quorum_margin",
        help="Voters that may still fail before nothing can be written; negative without a quorum.",
        calm="a cluster of one or two voters has none to spare",
        **_LEADER,
    ),
    _row(
        kind="gauge",
        name="aether_store_member_lag_entries",
        help="Entries of the log a member is behind the leader.",
        calm="members have everything",
        **_MEMBER,
    ),
    _row(
        kind="gauge",
        name="aether_store_member_silence_seconds",
        help="Time since a member answered the leader.",
        unit="seconds",
        **_MEMBER,
    ),
)  # fmt: skip
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
