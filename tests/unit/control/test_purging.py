"""What slices kept is deleted page by page, under the guards of whoever deletes it."""

from aether.control.purging import PAGES_A_TURN, purge
from aether.core.model import keys
from aether.core.model.ids import NodeId
from aether.core.model.reason import Reason
from aether.core.store.commands import (
    MAX_OPERATIONS,
    Applied,
    Delete,
    DeletePrefix,
    Guard,
    Put,
    Refused,
    Txn,
)
from aether.core.store.machine import KvMachine
from aether.ports import Member
from aether.store.client import KvStore
from aether_forge.sim.loop import run_virtual
from aether_forge.sim.oracle import Oracle

REASON = Reason("leader:n1", "purge", "the slice is gone")


async def filled(count: int) -> tuple[KvStore, Txn]:
    """Return a store that holds so many keys of a slice, and the transaction that drops it."""
    machine = KvMachine()
    consensus = Oracle().member(Member(NodeId("n1"), "n1:1"), machine)
    await consensus.start()
    store = KvStore(consensus, machine)
    for start in range(0, count, MAX_OPERATIONS):
        puts = [Put(f"app/shop/{n:06}", b"") for n in range(start, min(start + 512, count))]
        await store.txn(Txn(tuple(puts), REASON))
    await store.txn(Txn((Put("app/other", b""), Put("target/shop", b"")), REASON))
    claimed = await store.txn(Txn((Put(keys.EPOCH, b"1"),), REASON))
    drop = (Delete("target/shop"), DeletePrefix("app/shop/"))
    return store, Txn(drop, REASON, guards=(Guard(keys.EPOCH, claimed.revision),))


def test_everything_goes_the_target_last() -> None:
    async def story() -> None:
        store, txn = await filled(3 * MAX_OPERATIONS + 5)
        before = store.revision
        assert isinstance(await purge(store, txn, 5.0), Applied)
        assert store.revision == before + 4, "three pages, then the rest with the target"
        assert [entry.key for entry in (await store.range("app/")).entries] == ["app/other"]
        assert await store.get("target/shop") is None

    run_virtual(story())


def test_a_leader_goes_on_in_its_next_turn() -> None:
    async def story() -> None:
        store, txn = await filled((PAGES_A_TURN + 1) * MAX_OPERATIONS + 1)
        assert await purge(store, txn, 5.0) is None
        assert await store.get("target/shop") is not None, "so that the next turn knows"
        assert isinstance(await purge(store, txn, 5.0), Applied)
        assert (await store.range("app/shop/")).entries == ()

    run_virtual(story())


def test_a_leader_that_was_deposed_deletes_nothing_more() -> None:
    async def story() -> None:
        store, txn = await filled(2 * MAX_OPERATIONS)
        await store.txn(Txn((Put(keys.EPOCH, b"2"),), REASON))
        outcome = await purge(store, txn, 5.0)
        assert isinstance(outcome, Refused)
        assert [guard.key for guard in outcome.failed] == [keys.EPOCH]
        assert len((await store.range("app/shop/")).entries) == 2 * MAX_OPERATIONS

    run_virtual(story())
