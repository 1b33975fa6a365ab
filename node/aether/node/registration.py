"""Writes this node's facts about itself, and the cluster's record, into the store."""

import structlog

from aether.core.model import keys
from aether.core.model.reason import Reason
from aether.core.model.records import ClusterRecord, NodeRecord, decode, encode
from aether.core.store.commands import MAX_OPERATIONS, Applied, Delete, Entry, Guard, Put, Txn
from aether.errors import AetherError
from aether.node.live_settings import as_set
from aether.ports import Clock, Store

_log = structlog.get_logger()

_RETRY_S = 0.5


async def register(store: Store, clock: Clock, record: NodeRecord, cluster_id: str) -> None:
    """Write `node/{node}` for this life, and `cluster` if nobody has; try until it is done."""
    reason = Reason(
        f"node:{record.node}", "register", f"{record.node} began life {record.incarnation}"
    )
    while True:
        try:
            told = await as_set(store, record)
            if not await _tell(store, told, reason):
                await clock.sleep(_RETRY_S)
                continue
            await _name_cluster(store, cluster_id, reason)
        except AetherError as problem:
            _log.info("not registered yet", error=problem.message)
            await clock.sleep(_RETRY_S)
        else:
            _log.info("registered", node=record.node, incarnation=record.incarnation)
            return


async def _tell(store: Store, told: NodeRecord, reason: Reason) -> bool:
    """Write the node's record over the one that stands; return False when another came in between.

    A write of an earlier life may still be under way. It was guarded by what that life saw, so it
    comes before this one and is seen, or never lands.
    """
    key, value = keys.node(told.node), encode(told)
    entry = await store.get(key)
    if entry is not None and entry.value == value:
        return True
    guard = Guard(key, entry.mod_revision if entry is not None else 0)
    outcome = await store.txn(Txn((Put(key, value),), reason, (guard,)))
    return isinstance(outcome, Applied)


async def _name_cluster(store: Store, cluster_id: str, reason: Reason) -> None:
    """Write `cluster` where nobody has, or where it names the cluster this one was made from.

    A restored or recovered store still holds the old cluster's record, and says of the old cluster's nodes
    which the provider brought. Its operator may start new ones by hand under the same names, and load must not
    give those back; so these records end with the old name, and what was the provider's counts as joined by hand.
    """
    entry = await store.get(keys.CLUSTER)
    if entry is not None and _cluster_of(entry) in (cluster_id, None):
        return
    put = Put(keys.CLUSTER, encode(ClusterRecord(cluster_id=cluster_id)))
    listed = store.level((keys.PROVISIONED,)).entries if entry is not None else ()
    old = tuple(Delete(one.key) for one in listed[: MAX_OPERATIONS - 1])
    guard = Guard(keys.CLUSTER, entry.mod_revision if entry is not None else 0)
    await store.txn(Txn((put, *old), reason, (guard,)))


def _cluster_of(entry: Entry) -> str | None:
    """Return the cluster id of a record, None when this version cannot read it."""
    try:
        return decode(entry.value, ClusterRecord).cluster_id
    except ValueError:
        return None
