"""Deletes what slices kept, page by page: one transaction over all of it would stop every member."""

from aether.core.store.commands import (
    MAX_OPERATIONS,
    Applied,
    Delete,
    DeletePrefix,
    Outcome,
    Txn,
)
from aether.ports import Store

PAGES_A_TURN = 40
"""Pages of MAX_OPERATIONS keys deleted before the leader looks at everything else again."""


async def purge(store: Store, txn: Txn, timeout_s: float) -> Outcome | None:
    """Carry out `txn`, whose prefixes may hold any number of keys; None when some are left to delete.

    Pages go under the guards of `txn` too: a refusal of one ends it.
    """
    left = PAGES_A_TURN
    for operation in txn.then:
        while isinstance(operation, DeletePrefix):
            page = await store.range(operation.prefix, limit=MAX_OPERATIONS, timeout_s=timeout_s)
            if not page.more:
                break  # the few that are left go with the transaction itself
            if not left:
                return None
            left -= 1
            deletes = tuple(Delete(entry.key) for entry in page.entries)
            outcome = await store.txn(Txn(deletes, txn.reason, txn.guards), timeout_s=timeout_s)
            if not isinstance(outcome, Applied):
                return outcome
    return await store.txn(txn, timeout_s=timeout_s)
