"""Writes this node's facts about itself, and the cluster's record, into the store."""

import structlog

from aether.core.model import keys
from aether.core.model.reason import Reason
from aether.core.model.records import ClusterRecord, NodeRecord, encode
from aether.core.store.commands import Guard, Put, Txn
from aether.errors import AetherError
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
            await store.txn(Txn((Put(keys.node(record.node), encode(record)),), reason))
            cluster = ClusterRecord(cluster_id=cluster_id)
            await store.txn(
                Txn((Put(keys.CLUSTER, encode(cluster)),), reason, (Guard(keys.CLUSTER, 0),))
            )
        except AetherError as problem:
            _log.info("not registered yet", error=problem.message)
            await clock.sleep(_RETRY_S)
        else:
            _log.info("registered", node=record.node, incarnation=record.incarnation)
            return
