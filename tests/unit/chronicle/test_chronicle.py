import pytest

from aether.chronicle.records import NotRecorded, Query
from aether.core.store.commands import Delete, Put
from aether.errors import Invalid, Unavailable
from tests.chronicle_world import chronicle_world


async def test_it_tells_the_keys_at_every_revision() -> None:
    async with chronicle_world() as world:
        await world.put("node/n-1", b"base")
        await world.begin()
        first = world.store.revision
        stood = {first: world.system()}
        for key in ("verdict/n-1", "target/g:a", "node/n-1", "app/g:a/x", "verdict/n-1"):
            revision = await world.put(key, f"{key} {len(stood)}".encode())
            stood[revision] = world.system()
        revision = await world.write(Delete("target/g:a"), Put("wanted/n-1/g:a:1.0.0/0", b"w"))
        stood[revision] = world.system()
        for at, entries in stood.items():
            assert (await world.chronicle.at(at)).entries == entries
        only = await world.chronicle.at(revision, ("wanted/", "cluster"))
        assert [entry.key for entry in only.entries] == ["wanted/n-1/g:a:1.0.0/0"]


async def test_it_goes_on_where_it_was_after_a_restart() -> None:
    async with chronicle_world() as world:
        await world.put("node/n-1", b"1")
        await world.begin()
        before = await world.put("node/n-1", b"2")
        stood = world.system()
        await world.end()
        await world.put("node/n-1", b"3")
        await world.begin()
        assert (await world.chronicle.at(before)).entries == stood
        found = await world.chronicle.find(Query())
        assert [one.revision for one in found.recorded] == [before + 1, before]
        assert found.gaps == ()


async def test_transactions_are_found_by_what_they_are_about() -> None:
    async with chronicle_world() as world:
        await world.put("node/n-1")
        await world.begin()
        placed = await world.put("wanted/n-1/g:a:1.0.0/0", b"w")
        judged = await world.put("verdict/n-1", b"v")
        other = await world.put("wanted/n-2/g:a:1.0.0/1", b"w")
        find = world.chronicle.find

        async def revisions(*subjects: str, **more: object) -> list[int]:
            query = Query(subjects=subjects, **more)  # type: ignore[arg-type] # numbers and text
            return [one.revision for one in (await find(query)).recorded]

        assert await revisions("node/n-1") == [judged, placed]
        assert await revisions("slice/g:a") == [other, placed]
        assert await revisions("slice/g:a", "node/n-1") == [other, judged, placed]
        assert await revisions("slice/g:a", until=judged) == [placed]
        assert await revisions("slice/g:a", after=placed) == [other]
        assert await revisions(prefix="verdict/") == [judged]
        page = await find(Query(limit=2))
        assert ([one.revision for one in page.recorded], page.more) == ([other, judged], True)
        assert page.recorded[0].reason.actor == "test"
        assert page.recorded[0].reason.at_ms == 1_700_000_000_000


async def test_a_moment_is_the_last_revision_not_later() -> None:
    async with chronicle_world() as world:
        await world.put("node/n-1")
        await world.begin()
        world.now_s += 10
        first = await world.put("node/n-1", b"1")
        world.now_s += 10
        second = await world.put("node/n-1", b"2")
        began_ms, at = 1_700_000_000_000, world.chronicle.revision_at
        assert await at(began_ms + 10_000) == first
        assert await at(began_ms + 19_999) == first
        assert await at(began_ms + 20_000) == second
        assert await at(began_ms) == first - 1
        with pytest.raises(NotRecorded, match="begins at 2023-11-14T22:13:20Z, which is later"):
            await at(began_ms - 1)
        with pytest.raises(Invalid, match="in the future"):
            await at(began_ms + 21_000)


async def test_what_is_to_come_or_was_before_it_is_refused() -> None:
    async with chronicle_world() as world:
        await world.put("node/n-0")
        revision = await world.put("node/n-1")
        await world.begin()
        with pytest.raises(Invalid, match="still to come"):
            await world.chronicle.at(revision + 1)
        with pytest.raises(NotRecorded, match="reaches back to revision"):
            await world.chronicle.at(revision - 1)


async def test_writes_of_slices_do_not_hold_up_a_question() -> None:
    async with chronicle_world() as world:
        await world.put("node/n-1")
        await world.begin()
        system = world.system()
        revision = await world.put("app/g:a/x")
        assert (await world.chronicle.at(revision)).entries == system
        assert (await world.chronicle.reach()).seen == revision


async def test_before_it_has_begun_it_says_so() -> None:
    async with chronicle_world() as world:
        with pytest.raises(Unavailable, match="not begun"):
            await world.chronicle.reach()
