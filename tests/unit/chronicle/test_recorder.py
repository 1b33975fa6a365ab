import asyncio
import sqlite3
from collections.abc import Callable

import pytest

from aether.chronicle.database import ASIDE, FILE
from aether.chronicle.records import NotRecorded, Query
from aether.core.store.commands import Put
from aether.errors import Unavailable
from tests.chronicle_world import POLL_S, WAIT_S, ChronicleWorld, chronicle_world


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not condition():  # noqa: ASYNC110 - nothing announces these conditions
            await asyncio.sleep(POLL_S)


def forget(world: ChronicleWorld) -> None:
    """Have the store lose its history, as a member does that a snapshot replaced."""
    world.machine.restore(list(world.machine.snapshot()))


async def test_what_the_store_no_longer_has_is_a_gap() -> None:
    async with chronicle_world() as world:
        await world.put("node/n-1", b"1")
        await world.begin()
        before = await world.put("node/n-1", b"2")
        stood = world.system()
        await world.chronicle.reached(before)
        await world.end()
        unseen = await world.put("node/n-1", b"3")
        last = await world.put("node/n-2", b"4")
        forget(world)
        await world.begin()
        await until(lambda: world.chronicle.seen >= last)
        assert (await world.chronicle.at(before)).entries == stood
        assert (await world.chronicle.at(last)).entries == world.system()
        with pytest.raises(NotRecorded, match=f"gap after revision {before} and before {last}"):
            await world.chronicle.at(unseen)
        (gap,) = (await world.chronicle.find(Query())).gaps
        assert (gap.after, gap.until) == (before, last)
        later = await world.put("node/n-2", b"5")
        assert (await world.chronicle.at(later)).entries == world.system()


async def test_a_snapshot_that_lost_nothing_is_no_gap() -> None:
    async with chronicle_world() as world:
        await world.put("node/n-1", b"1")
        await world.begin()
        await world.put("node/n-1", b"2")
        await world.chronicle.reached(world.store.revision)
        forget(world)
        after = await world.put("node/n-1", b"3")
        assert (await world.chronicle.at(after)).entries == world.system()
        assert (await world.chronicle.reach()).gaps == ()


async def test_a_burst_that_overruns_the_watch_is_told_whole() -> None:
    async with chronicle_world() as world:
        await world.put("node/n-1", b"1")
        await world.begin()
        first = world.store.revision
        await asyncio.gather(*(world.put(f"node/n-{n}", b"x") for n in range(2500)))
        last = world.store.revision
        await until(lambda: world.chronicle.seen >= last)
        found = await world.chronicle.find(Query(after=first, limit=3000))
        assert len(found.recorded) == 2500
        assert found.gaps == ()


async def test_a_damaged_file_is_set_aside_and_begun_anew() -> None:
    async with chronicle_world() as world:
        await world.put("node/n-1", b"1")
        await world.begin()
        await world.end()
        damaged = b"no database" * 1000
        (world.folder / FILE).write_bytes(damaged)
        await world.begin()
        assert (world.folder / ASIDE).read_bytes() == damaged
        assert (await world.chronicle.at(world.store.revision)).entries == world.system()


async def test_damage_found_by_a_reader_begins_anew() -> None:
    async with chronicle_world() as world:
        await world.put("node/n-1", b"1")
        await world.begin()

        def damaged(_: object) -> None:
            problem = sqlite3.DatabaseError("database disk image is malformed")
            problem.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise problem

        with pytest.raises(Unavailable, match="begins anew"):
            await world.chronicle._read(damaged)
        revision = await world.put("node/n-1", b"2")
        await until((world.folder / ASIDE).exists)
        await until(lambda: world.chronicle.seen >= revision)
        assert (await world.chronicle.at(revision)).entries == world.system()


async def test_another_cluster_has_a_chronicle_of_its_own() -> None:
    async with chronicle_world() as world:
        revision = await world.put("node/n-1", b"1")
        await world.begin()
        await world.put("node/n-1", b"2")
        await world.end()
        await world.begin("c-2")
        with pytest.raises(NotRecorded, match="reaches back"):
            await world.chronicle.at(revision)
        assert (world.folder / ASIDE).exists()


async def test_a_disk_that_cannot_be_written_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("aether.chronicle.recorder.DISK_RETRY_S", 0.01)
    async with chronicle_world() as world:
        await world.put("node/n-1", b"1")
        world.folder.write_bytes(b"a file where the folder should be")
        world.tasks.start("chronicle", world.chronicle.run())
        with pytest.raises(Unavailable, match="not begun"):
            await world.chronicle.reach()
        world.folder.unlink()
        await until(lambda: world.chronicle.has_begun)
        assert (await world.chronicle.at(world.store.revision)).entries == world.system()


async def test_a_fault_of_its_own_does_not_end_the_node(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("aether.chronicle.recorder.DISK_RETRY_S", 0.01)
    async with chronicle_world() as world:
        await world.put("node/n-1", b"1")
        await world.begin()
        faults = iter([True])

        def faulty(*_: object) -> frozenset[str]:
            if next(faults, False):
                raise ZeroDivisionError
            return frozenset()

        monkeypatch.setattr("aether.chronicle.writer.subjects_of", faulty)
        revision = await world.put("node/n-1", b"2")
        await until((world.folder / ASIDE).exists)
        await until(lambda: world.chronicle.seen >= revision)
        assert (await world.chronicle.at(revision)).entries == world.system()


async def test_keys_of_nobody_are_left_alone() -> None:
    async with chronicle_world() as world:
        await world.put("node/n-1", b"1")
        await world.begin()
        revision = await world.write(Put("mine", b"x"), Put("topology-of-mine", b"y"))
        assert [e.key for e in (await world.chronicle.at(revision)).entries] == ["node/n-1"]
        assert (await world.chronicle.find(Query())).recorded == ()


async def test_without_a_quorum_a_fresh_chronicle_waits() -> None:
    async with chronicle_world() as world:
        await world.put("node/n-1", b"1")
        world.oracle.cut_off(world.consensus._node)
        world.tasks.start("chronicle", world.chronicle.run())
        await asyncio.sleep(0)
        assert not world.chronicle.has_begun
        world.oracle.reconnect(world.consensus._node)
        await until(lambda: world.chronicle.has_begun)
