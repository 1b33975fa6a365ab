"""The store's contract on native engines: one member alone, and three."""

from collections.abc import AsyncIterator, Sequence

import pytest

from aether.store.client import KvStore
from tests.integration.contracts.raft_cluster import new_members
from tests.integration.contracts.store import StoreContract
from tests.integration.native_cluster import NativeCluster


class TestOneNativeEngine(StoreContract):
    @pytest.fixture
    async def stores(self) -> AsyncIterator[Sequence[KvStore]]:
        async with NativeCluster(new_members(1)) as cluster:
            await cluster.leader()
            yield cluster.stores


class TestThreeNativeEngines(StoreContract):
    @pytest.fixture
    async def stores(self) -> AsyncIterator[Sequence[KvStore]]:
        async with NativeCluster(new_members(3)) as cluster:
            await cluster.leader()
            yield cluster.stores
