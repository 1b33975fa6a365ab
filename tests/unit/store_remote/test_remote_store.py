"""The store through its process: outcomes are honest, reads name what they lack."""

import asyncio

import pytest

from aether.core.model.ids import NodeId
from aether.core.store.codec import encode_command
from aether.core.store.commands import Applied, Consistency
from aether.core.store.machine import KvMachine
from aether.errors import Invalid, NoQuorum, OutcomeUnknown, Unavailable
from aether.ports import Member
from aether.store.remote.following import Following
from aether.store.remote.store import RemoteStore
from tests.integration.contracts.store import put
from tests.integration.store_rig import NODE, Rig, rig, until


async def test_a_call_made_while_the_process_is_gone_succeeds_when_it_is_back() -> None:
    async with rig() as served, served.client() as store, asyncio.TaskGroup() as group:
        await served.end()
        await until(lambda: not store.is_ready)
        write = group.create_task(store.txn(put("k"), timeout_s=10))
        read = group.create_task(store.get("k", timeout_s=10))
        await asyncio.sleep(0)
        await served.serve()
        assert isinstance(await write, Applied)
        assert await read in (None, await store.get("k"))


async def test_without_a_process_nothing_was_written() -> None:
    async with rig() as served, served.client() as store:
        await served.end()
        await until(lambda: not store.is_ready)
        with pytest.raises(NoQuorum, match="nothing was written"):
            await store.txn(put("k"), timeout_s=0.1)
        with pytest.raises(NoQuorum, match="stale"):
            await store.get("k", timeout_s=0.1)
        with pytest.raises(Unavailable):
            await store.get("k", consistency=Consistency.STALE, timeout_s=0.1)


async def test_an_unknown_attempt_makes_the_outcome_unknown_unless_it_is_learnt() -> None:
    async with rig() as served, served.client() as store:
        served.oracle.lose_answers(1)
        assert isinstance(await store.txn(put("once")), Applied)
        entry = await store.get("once")
        assert entry is not None
        assert entry.version == 1
        served.oracle.lose_answers(10_000)
        with pytest.raises(OutcomeUnknown, match="may or may not"):
            await store.txn(put("k"), timeout_s=0.2)


async def test_no_quorum_is_told_within_the_time() -> None:
    async with rig() as served, served.client() as store:
        served.oracle.cut_off(NodeId(NODE))
        with pytest.raises(NoQuorum, match="nothing was written"):
            await store.txn(put("k"), timeout_s=0.2)
        with pytest.raises(NoQuorum, match="stale"):
            await store.range("", timeout_s=0.2)
        assert (await store.range("", consistency=Consistency.STALE)).entries == ()


async def test_what_the_process_could_not_read_is_refused_here() -> None:
    async with rig() as served, served.client() as store:
        for limit, revision in ((-1, None), (2**63, None), (0, -1)):
            with pytest.raises(Invalid):
                await store.range("", limit=limit, revision=revision)
        with pytest.raises(Invalid):
            store.watch("", after_revision=-1)
        with pytest.raises(Invalid, match="node id"):
            await store.remove_member(NodeId("Not A Node"), 1.0)
        with pytest.raises(Invalid, match="characters"):
            await store.add_member(Member(NodeId("n"), "h" * 1000), 1.0)
        assert store.is_ready


async def test_members_are_those_known_before_until_the_process_tells() -> None:
    async with rig() as served:
        told: list[list[Member]] = []
        known = (Member(NODE, "before:1"),)
        store = RemoteStore(
            served.path, NODE, "one", members=known, on_members=lambda m: told.append(list(m))
        )
        assert tuple(store.members) == known
        await store.start()
        await until(lambda: bool(told))
        assert told == [[Member(NODE, "127.0.0.1:6101")]]
        assert list(store.members) == told[0]
        assert store.term == served.oracle.term
        await store.close()


async def test_the_last_leader_is_believed_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aether.store.remote.store.LEADER_KNOWN_S", 0.1)
    async with rig() as served, served.client() as store:
        await until(lambda: store.leader == NODE)
        await served.end()
        await until(lambda: not store.is_ready)
        assert store.leader == NODE
        await until(lambda: store.leader is None)
        await served.serve()
        await until(lambda: store.leader == NODE)


async def test_the_status_is_that_of_the_member() -> None:
    async with rig() as served, served.client() as store:
        status = await store.status()
        assert (status.node, status.role) == (NODE, "leader")
        assert status.members == (Member(NODE, "127.0.0.1:6101"),)


def send_a_snapshot_with(served: Rig, key: str) -> None:
    """Have the member, which lacks it, be sent `key` in a snapshot while the next fresh read waits."""
    assert served.consensus is not None
    passes, leader = served.consensus.barrier, KvMachine()
    for number, name in enumerate(("k/1", "k/2", key)):
        leader.apply(encode_command(put(name)), number)

    async def barrier(timeout_s: float) -> None:
        served.machine.restore(list(leader.snapshot()))
        await passes(timeout_s)

    served.consensus.barrier = barrier  # type: ignore[method-assign] # this member is behind


async def test_after_a_fresh_read_the_level_has_what_was_written_before_it() -> None:
    async with rig() as served, served.client() as store:
        send_a_snapshot_with(served, "m/1")
        assert await store.get("other") is None
        level = store.level(("m/",))
        assert [entry.key for entry in level.entries] == ["m/1"]
        assert level.revision == served.machine.revision == 3


async def test_a_fresh_read_whose_level_stays_behind_is_refused_in_its_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def broken_off(_: Following) -> None:
        raise Unavailable("the answer broke off")

    async with rig() as served, served.client() as store:
        monkeypatch.setattr(Following, "_fill", broken_off)
        send_a_snapshot_with(served, "m/1")
        clock = asyncio.get_running_loop().time
        began = clock()
        with pytest.raises(Unavailable, match=r"revision 3.*knows 0.*stale"):
            await store.get("m/1", timeout_s=0.3)
        assert 0.25 < clock() - began < 2.0
        with pytest.raises(Unavailable, match="stale"):
            await store.range("m/", timeout_s=0.1)
        assert not store._following._waiters
        stale = await store.get("m/1", consistency=Consistency.STALE)
        assert stale is not None
        # What is not mirrored waits for no mirror.
        assert await store.get("app/org.example:shop/k") is None
        assert (await store.range("app/", timeout_s=0.5)).revision == 3
        monkeypatch.undo()
        assert await store.get("m/1") is not None
        assert [entry.key for entry in store.level(("m/",)).entries] == ["m/1"]
