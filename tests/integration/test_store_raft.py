"""PySyncObj engines on loopback: forming, failing over, restarting, growing and shrinking."""

import asyncio
import time

import pytest

from aether.core.model.ids import NodeId
from aether.core.store.codec import encode_command
from aether.core.store.commands import Applied
from aether.errors import ConfigInvalid, Conflict, NoQuorum, OutcomeUnknown, Unavailable
from aether.ports import Member
from aether.store.pysyncobj.replica import Timing
from tests.integration.contracts.raft_cluster import RaftCluster, free_port, new_members
from tests.integration.contracts.store import put


async def test_writes_go_on_when_the_leader_stops() -> None:
    async with RaftCluster(new_members(3)) as cluster:
        leader = await cluster.leader()
        for number, store in enumerate(cluster.stores):
            await store.txn(put(f"before/{number}"))
        await cluster.stop(leader)
        began = time.monotonic()
        outcome = await cluster.stores[0].txn(put("after"), timeout_s=5.0)
        assert isinstance(outcome, Applied)
        assert time.monotonic() - began < 5.0
        assert await cluster.stores[1].get("after") is not None
        assert await cluster.leader() != leader


async def test_all_members_restarted_keep_everything() -> None:
    async with RaftCluster(new_members(3)) as cluster:
        for number in range(30):
            await cluster.stores[number % 3].txn(put(f"kept/{number}", b"%d" % number))
        for member in cluster.members:
            await cluster.stop(member.node)
        for member in cluster.members:
            await cluster.start(member)
        found = await cluster.stores[1].range("kept/", timeout_s=10)
        assert {entry.key: entry.value for entry in found.entries} == {
            f"kept/{number}": b"%d" % number for number in range(30)
        }
        await cluster.equal()


async def test_one_member_alone_is_a_cluster() -> None:
    async with RaftCluster(new_members(1)) as cluster:
        assert isinstance(await cluster.stores[0].txn(put("alone")), Applied)
        node = cluster.members[0].node
        await cluster.stop(node)
        await cluster.start(cluster.members[0])
        assert await cluster.stores[0].get("alone") is not None


async def test_no_majority_no_write_and_recovery() -> None:
    async with RaftCluster(new_members(3)) as cluster:
        await cluster.stores[0].txn(put("k", b"1"))
        keep, *others = cluster.members
        for member in others:
            await cluster.stop(member.node)
        store = cluster.stores[0]
        with pytest.raises((NoQuorum, OutcomeUnknown)):
            await store.txn(put("k", b"2"), timeout_s=3.0)
        with pytest.raises(NoQuorum):
            await store.get("k", timeout_s=0.5)
        assert cluster.running[keep.node].consensus.leader is None
        await cluster.start(others[0])
        assert isinstance(await store.txn(put("k", b"3"), timeout_s=10), Applied)


async def test_a_fourth_member_is_added_catches_up_and_is_removed() -> None:
    async with RaftCluster(new_members(3)) as cluster:
        await cluster.stores[0].txn(put("k"))
        (fourth,) = new_members(1, first=4)
        follower = next(
            running
            for running in cluster.running.values()
            if running.consensus.leader != running.consensus._me.node
        )
        await follower.consensus.add_member(fourth, 5.0)
        await follower.consensus.add_member(fourth, 5.0)
        everyone = [*cluster.members, fourth]
        await cluster.start(fourth, members=everyone)
        newest = cluster.running[fourth.node]
        assert await newest.store.get("k", timeout_s=10) is not None
        await newest.store.txn(put("from the fourth"), timeout_s=10)
        for running in cluster.running.values():
            assert list(running.consensus.members) == everyone
        assert all(cluster.told[member.node][-1] == tuple(everyone) for member in cluster.members)
        await cluster.running[cluster.members[0].node].consensus.remove_member(fourth.node, 10.0)
        await cluster.stop(fourth.node)
        await cluster.stores[0].txn(put("without the fourth"))
        for running in cluster.running.values():
            assert list(running.consensus.members) == cluster.members


async def test_a_leader_is_removed_after_handing_over() -> None:
    async with RaftCluster(new_members(3)) as cluster:
        leader = await cluster.leader()
        await cluster.stores[0].txn(put("k"))
        asked = next(node for node in cluster.running if node != leader)
        await cluster.running[asked].consensus.remove_member(leader, 15.0)
        await cluster.stop(leader)
        await cluster.stores[0].txn(put("after"), timeout_s=10)
        for running in cluster.running.values():
            assert leader not in {member.node for member in running.consensus.members}


async def test_a_member_cannot_join_from_a_second_address() -> None:
    async with RaftCluster(new_members(1)) as cluster:
        known = cluster.members[0]
        consensus = cluster.running[known.node].consensus
        with pytest.raises(Conflict, match=known.address):
            await consensus.add_member(Member(known.node, f"127.0.0.1:{free_port()}"), 1.0)
        await consensus.remove_member(NodeId("nobody"), 1.0)


async def test_membership_survives_a_restart() -> None:
    members = new_members(4)
    async with RaftCluster(members[:3]) as cluster:
        first = cluster.running[members[0].node].consensus
        await cluster.stores[0].txn(put("k"))
        await first.add_member(members[3], 5.0)
        for member in members[:3]:
            await cluster.stop(member.node)
        for member in members:
            await cluster.start(member, members=members)
        await cluster.stores[3].txn(put("k2"), timeout_s=10)
        assert list(cluster.running[members[0].node].consensus.members) == members


COMPACTING = Timing(compact_entries=50, compact_s=2.0, compact_in_turns=False)


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # the library's own file
async def test_a_compacted_log_restores_and_catches_others_up() -> None:
    async with RaftCluster(new_members(3), COMPACTING) as cluster:
        last = cluster.members[2]
        await cluster.stores[0].txn(put("first"))
        await cluster.stop(last.node)
        for number in range(200):
            await cluster.stores[number % 2].txn(put(f"c/{number % 40}", b"%d" % number))
        behind = await cluster.start(last)
        watch = behind.store.watch("")
        assert len((await behind.store.range("c/", timeout_s=10)).entries) == 40
        with pytest.raises(Conflict, match="snapshot"):
            await asyncio.wait_for(anext(watch), 5)
        await cluster.equal()
        for member in cluster.members:
            await cluster.stop(member.node)
            assert (cluster.directory / member.node / "store" / "dump").exists()
            assert not (cluster.directory / member.node / "store" / "journal.before").exists()
        for member in cluster.members:
            await cluster.start(member)
        found = await cluster.stores[0].range("c/", timeout_s=10)
        assert len(found.entries) == 40
        await cluster.equal()


async def test_a_directory_is_opened_once() -> None:
    async with RaftCluster(new_members(1)) as cluster:
        with pytest.raises(Unavailable, match="in use"):
            await cluster.start(cluster.members[0])


async def test_a_damaged_dump_is_named() -> None:
    async with RaftCluster(new_members(1)) as cluster:
        (member,) = cluster.members
        await cluster.stop(member.node)
        dump = cluster.directory / member.node / "store" / "dump"
        await asyncio.to_thread(dump.write_bytes, b"not a dump")
        with pytest.raises(ConfigInvalid, match="dump"):
            await cluster.start(member)


async def test_a_taken_port_is_named() -> None:
    async with RaftCluster(new_members(1)) as cluster:
        (member,) = cluster.members
        other = Member(NodeId("node-9"), member.address)
        with pytest.raises(ConfigInvalid, match="raft port"):
            await cluster.start(other, members=[other])


async def test_a_stopped_member_says_so() -> None:
    async with RaftCluster(new_members(1)) as cluster:
        (member,) = cluster.members
        consensus = cluster.running[member.node].consensus
        await cluster.stop(member.node)
        with pytest.raises(NoQuorum, match="not running"):
            await consensus.propose(encode_command(put("k")), 1.0)
