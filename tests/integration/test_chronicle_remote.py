"""The chronicle over a store process: told of everything, at once, also after the process ended."""

import asyncio
from pathlib import Path

from aether.chronicle.chronicle import REACH_S, Chronicle
from aether.chronicle.records import Query
from aether.core.model.keys import SYSTEM_FAMILIES
from aether.core.model.reason import Reason
from aether.core.store.commands import Applied, Operation, Put, Txn
from aether.node.clock import MonotonicClock
from aether.store.remote.store import RemoteStore
from aether.tasks import Tasks
from tests.integration.store_rig import rig, until


async def write(store: RemoteStore, *operations: Operation) -> int:
    outcome = await store.txn(Txn(operations, Reason("test", "write", "as the test asks")))
    assert isinstance(outcome, Applied)
    return outcome.revision


async def test_it_follows_a_store_process_through_its_end(tmp_path: Path) -> None:
    async with rig() as made, made.client() as store:
        await write(store, Put("node/n-1", b"1"))
        chronicle = Chronicle(tmp_path, store, MonotonicClock(), "one")
        tasks = Tasks()
        tasks.start("chronicle", chronicle.run())
        try:
            await until(lambda: chronicle.has_begun)
            first = await write(store, Put("node/n-1", b"2"), Put("app/g:a/x", b"mine"))
            began = asyncio.get_running_loop().time()
            assert [e.value for e in (await chronicle.at(first)).entries] == [b"2"]
            quiet = await write(store, Put("app/g:a/x", b"theirs"))
            assert [e.value for e in (await chronicle.at(quiet)).entries] == [b"2"]
            assert asyncio.get_running_loop().time() - began < REACH_S

            await made.end()
            await made.serve()
            await until(lambda: store.is_ready)
            last = await write(store, Put("verdict/n-1", b"3"))
            told = await chronicle.at(last)
            assert told.entries == store.level(SYSTEM_FAMILIES).entries
            found = await chronicle.find(Query(after=first))
            assert [one.revision for one in found.recorded] == [last]
            assert found.recorded[0].reason.at_ms > 0
            assert (await chronicle.reach()).gaps == ()
        finally:
            await tasks.stop()
            await chronicle.close()
