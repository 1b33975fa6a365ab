"""`kill -9` of store processes under load: nothing acknowledged is lost, and calls still succeed."""

import asyncio
from collections.abc import Sequence

from aether.core.store.commands import Applied
from aether.store.process.spec import read_spec
from aether.store.remote.store import RemoteStore
from aether.store.watch import Watch
from tests.integration.contracts.raft_cluster import new_members
from tests.integration.contracts.store import put
from tests.integration.contracts.store_processes import StoreClients, StoreProcesses
from tests.integration.store_rig import until

CALL_S = 45.0
"""Long enough to start three processes again on a machine that is busy with other things."""


class Writers:
    """Write keys of their own through all members until told to stop; a failed call fails the test."""

    def __init__(self, stores: Sequence[RemoteStore]) -> None:
        self._stores = stores
        self._stopping = False
        self.acknowledged: dict[str, int] = {}

    async def write(self, number: int) -> None:
        count = 0
        while not self._stopping:
            key = f"w/{number}/{count}"
            store = self._stores[number % len(self._stores)]
            outcome = await store.txn(put(key), CALL_S)
            assert isinstance(outcome, Applied)
            assert store.level([key]).entries[0].mod_revision == outcome.revision
            self.acknowledged[key] = outcome.revision
            count += 1

    async def more(self, count: int) -> None:
        """Wait until so many more were acknowledged."""
        goal = len(self.acknowledged) + count
        await until(lambda: len(self.acknowledged) >= goal)

    def stop(self) -> None:
        self._stopping = True


async def follow(watch: Watch, seen: list[str]) -> None:
    async for changes in watch:
        seen += [change.key for change in changes.changes]


async def test_writes_survive_and_calls_succeed_while_processes_are_killed() -> None:
    with StoreProcesses(new_members(3), engine="native") as cluster:
        async with StoreClients(cluster) as clients, asyncio.TaskGroup() as group:
            writers = Writers(clients.stores)
            seen: list[str] = []
            following = group.create_task(follow(clients.stores[0].watch("w/"), seen))
            for number in range(9):
                group.create_task(writers.write(number))
            await writers.more(50)
            own = cluster.members[0].node
            # Our own member, then whoever leads, then all at once.
            for victims in ([own], [await clients.leader()], list(cluster.processes)):
                for node in victims:
                    cluster.kill(node)
                for node in victims:
                    cluster.spawn(node)
                await writers.more(50)
                await clients.leader()
            writers.stop()
            await until(lambda: writers.acknowledged.keys() <= set(seen))
            following.cancel()
        async with StoreClients(cluster) as clients:
            for store in clients.stores:
                found = {e.key: e for e in (await store.range("w/", timeout_s=CALL_S)).entries}
                assert writers.acknowledged.keys() <= found.keys()
                assert {entry.version for entry in found.values()} == {1}
    assert len(seen) == len(set(seen)), "a watch told a change twice"


async def test_a_process_alone_for_good_ends_by_itself() -> None:
    with StoreProcesses(new_members(1), engine="native", alone_s=0.5) as cluster:
        (node,) = cluster.processes
        async with StoreClients(cluster):
            assert read_spec(cluster.data_dir(node) / "run" / "store.json").alone_s == 0.5
        process = cluster.processes[node]
        await until(lambda: process.poll() is not None)
        assert process.returncode == 0
        assert "no node has been connected" in cluster.log(node)
        assert not (cluster.data_dir(node) / "run" / "store.pid").exists()


async def test_two_processes_never_share_a_directory() -> None:
    with StoreProcesses(new_members(1), engine="native") as cluster:
        (node,) = cluster.processes
        async with StoreClients(cluster):
            first = cluster.processes[node]
            cluster.spawn(node)
            second = cluster.processes[node]
            await until(lambda: second.poll() is not None)
            assert second.returncode == 2
            assert "belongs to a store that is running" in cluster.log(node)
            assert first.poll() is None
            cluster.processes[node] = first
