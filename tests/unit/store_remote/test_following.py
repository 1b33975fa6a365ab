"""What a node follows goes on where it was, whatever becomes of the store process."""

import asyncio
import gc

import pytest

from aether.core.store.commands import Changes, Put, Txn
from aether.errors import Conflict
from aether.store.watch import MAX_WAITING, Watch
from tests.integration.contracts.store import REASON, put, take
from tests.integration.store_rig import Rig, rig, until


def keys(batches: list[Changes]) -> list[str]:
    return [change.key for batch in batches for change in batch.changes]


async def restarted(served: Rig) -> None:
    await served.end()
    await served.serve()


async def test_a_watch_goes_on_where_it_was_when_the_process_comes_back() -> None:
    async with rig() as served, served.client() as store:
        watch = store.watch("w/")
        await store.txn(put("w/1"))
        await store.txn(put("w/2"))
        await until(lambda: watch.seen == 2)
        await restarted(served)
        await store.txn(put("w/3"))
        assert keys(await take(watch, 3)) == ["w/1", "w/2", "w/3"]


async def test_the_mirror_goes_on_too() -> None:
    async with rig() as served, served.client() as store:
        await store.txn(put("m/1"))
        await served.end()
        assert [entry.key for entry in store.level(["m/"]).entries] == ["m/1"]
        await served.serve()
        await store.txn(put("m/2"))
        assert [entry.key for entry in store.level(["m/"]).entries] == ["m/1", "m/2"]
        await store.txn(put("app/x"))
        assert store.revision == 3


async def test_a_state_that_was_replaced_is_read_anew_and_ends_watches() -> None:
    async with rig() as served, served.client() as store:
        watch = store.watch("m/")
        await store.txn(put("m/1"))
        parts = list(served.machine.snapshot())
        served.machine.restore(parts)
        await store.txn(put("m/2"))
        assert [entry.key for entry in store.level(["m/"]).entries] == ["m/1", "m/2"]
        with pytest.raises(Conflict) as gone:
            await take(watch, 3)
        assert gone.value.code == "compacted"


async def test_a_beginning_that_is_gone_is_told() -> None:
    async with rig() as served, served.client() as store:
        await store.txn(put("k"))
        served.machine.restore(list(served.machine.snapshot()))
        with pytest.raises(Conflict) as gone:
            await take(store.watch("", after_revision=0), 1)
        assert gone.value.code == "compacted"


async def test_watches_nobody_holds_are_given_up_in_the_process() -> None:
    async with rig() as served, served.client() as store:
        assert served.server is not None
        (connection,) = served.server._connections
        held, forgotten = store.watch("k"), store.watch("k")
        closed = store.watch("k")
        await until(lambda: len(connection._watches) == 4)
        await closed.aclose()
        del forgotten
        gc.collect()
        await store.txn(put("k"))
        await until(lambda: len(connection._watches) == 2)
        assert keys(await take(held, 1)) == ["k"]


async def test_large_transactions_arrive_whole() -> None:
    async with rig() as served, served.client() as store:
        watch = store.watch("")
        other = store.watch("l/")
        value = bytes(900_000)
        operations = tuple(Put(f"l/{n}", value) for n in range(4))
        await store.txn(Txn(operations, REASON))
        for each in (watch, other):
            (batch,) = await take(each, 1)
            assert [c.entry.value == value for c in batch.changes if c.entry] == [True] * 4
        assert len(store.level(["l/"]).entries) == 4


async def test_a_long_past_and_a_long_answer_arrive_whole() -> None:
    async with rig() as served, served.client() as store:
        value = bytes(400_000)
        for number in range(30):
            await store.txn(put(f"long/{number:02}", value))
        names = [f"long/{number:02}" for number in range(30)]
        assert keys(await take(store.watch("long/", after_revision=0), 30)) == names
        async with asyncio.timeout(5):
            assert [entry.key for entry in (await store.range("long/")).entries] == names
        several = await asyncio.gather(*(store.range("long/") for _ in range(3)))
        assert [len(found.entries) for found in several] == [30, 30, 30]


async def test_more_of_the_past_than_a_watcher_may_be_behind_is_no_reason_to_cut_it_off() -> None:
    async with rig() as served, served.client() as store:
        await asyncio.gather(*(store.txn(put(f"k/{n}")) for n in range(MAX_WAITING + 200)))
        batches = await take(store.watch("k/", after_revision=0), MAX_WAITING + 200)
        assert [batch.revision for batch in batches] == list(range(1, MAX_WAITING + 201))


async def test_progress_is_told_to_who_asked_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aether.store.watch.PROGRESS_S", 0.05)
    async with rig() as served, served.client() as store:
        watch = store.watch("quiet/", progress=True)
        await store.txn(put("quiet/1"))
        assert keys(await take(watch, 1)) == ["quiet/1"]
        (progress,) = await take(watch, 1)
        assert (progress.changes, progress.revision) == ((), 1)


async def test_a_closed_store_ends_its_watches() -> None:
    async with rig() as served:
        async with served.client() as store:
            watch: Watch = store.watch("k")
        async with asyncio.timeout(5):
            assert [changes async for changes in watch] == []
