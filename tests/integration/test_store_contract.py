"""The store's contract, on the oracle and on three PySyncObj engines."""

from collections.abc import AsyncIterator, Iterator, Sequence

import pytest

from aether.core.model.ids import NodeId
from aether.core.store.commands import DeletePrefix, Txn
from aether.core.store.machine import KvMachine
from aether.errors import NoQuorum, OutcomeUnknown
from aether.ports import Member
from aether.store.client import KvStore
from aether_forge.sim.oracle import Oracle
from tests.integration.contracts.raft_cluster import RaftCluster, new_members
from tests.integration.contracts.store import REASON, WAIT_S, AnyStore, StoreContract, put, seen
from tests.integration.contracts.store_processes import StoreClients, StoreProcesses


async def oracle_stores(oracle: Oracle, count: int) -> list[KvStore]:
    stores = []
    for number in range(count):
        machine = KvMachine()
        member = Member(NodeId(f"node-{number}"), f"127.0.0.1:{6100 + number}")
        consensus = oracle.member(member, machine)
        await consensus.start()
        stores.append(KvStore(consensus, machine))
    return stores


class TestOneMemberOfTheOracle(StoreContract):
    @pytest.fixture
    async def stores(self) -> AsyncIterator[Sequence[KvStore]]:
        stores = await oracle_stores(Oracle(), 1)
        yield stores
        for store in stores:
            await store.close()


class TestThreeMembersOfTheOracle(StoreContract):
    @pytest.fixture
    async def stores(self) -> AsyncIterator[Sequence[KvStore]]:
        stores = await oracle_stores(Oracle(), 3)
        yield stores
        for store in stores:
            await store.close()


class TestThreePySyncObjEngines(StoreContract):
    @pytest.fixture
    async def stores(self) -> AsyncIterator[Sequence[KvStore]]:
        async with RaftCluster(new_members(3)) as cluster:
            await cluster.leader()
            yield cluster.stores


@pytest.fixture(scope="module")
def native_processes() -> Iterator[StoreProcesses]:
    with StoreProcesses(new_members(3), engine="native") as cluster:
        yield cluster


@pytest.fixture(scope="module")
def pysyncobj_processes() -> Iterator[StoreProcesses]:
    with StoreProcesses(new_members(3), engine="pysyncobj") as cluster:
        yield cluster


async def emptied_after(processes: StoreProcesses) -> AsyncIterator[Sequence[AnyStore]]:
    """Yield stores that are empty, and leave them so."""
    async with StoreClients(processes) as clients:
        yield clients.stores
        gone = await clients.stores[0].txn(Txn((DeletePrefix(""),), REASON), WAIT_S)
        for store in clients.stores:
            await seen(store, gone.revision)


class TestThreeStoreProcesses(StoreContract):
    @pytest.fixture
    async def stores(self, native_processes: StoreProcesses) -> AsyncIterator[Sequence[AnyStore]]:
        async for stores in emptied_after(native_processes):
            yield stores


class TestThreePySyncObjProcesses(StoreContract):
    @pytest.fixture
    async def stores(
        self, pysyncobj_processes: StoreProcesses
    ) -> AsyncIterator[Sequence[AnyStore]]:
        async for stores in emptied_after(pysyncobj_processes):
            yield stores


async def test_a_write_without_a_majority_says_that_nothing_was_written() -> None:
    oracle = Oracle()
    stores = await oracle_stores(oracle, 3)
    oracle.cut_off(NodeId("node-1"))
    oracle.cut_off(NodeId("node-2"))
    with pytest.raises(NoQuorum, match="nothing was written"):
        await stores[0].txn(put("k"), timeout_s=0.2)
    with pytest.raises(NoQuorum, match="stale"):
        await stores[0].get("k", timeout_s=0.2)
    for store in stores:
        await store.close()


async def test_lost_answers_are_asked_for_again_and_applied_once() -> None:
    oracle = Oracle()
    (store,) = await oracle_stores(oracle, 1)
    oracle.lose_answers(3)
    await store.txn(put("k", b"1"))
    entry = await store.get("k")
    assert entry is not None
    assert entry.version == 1
    await store.close()


async def test_an_unknown_attempt_makes_the_outcome_unknown() -> None:
    oracle = Oracle()
    (store,) = await oracle_stores(oracle, 1)
    oracle.lose_answers(10_000)
    with pytest.raises(OutcomeUnknown, match="may or may not"):
        await store.txn(put("k"), timeout_s=0.2)
    await store.close()
