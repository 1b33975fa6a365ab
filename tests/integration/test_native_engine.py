"""Three native engines on loopback: writes, elections, restarts, members, snapshots, TLS."""

import asyncio
from pathlib import Path
from typing import cast

import pytest

from aether.core.model.ids import NodeId
from aether.errors import ConfigInvalid, Conflict, Invalid, NoQuorum, OutcomeUnknown, TooLarge
from aether.ports import Disk, Member
from aether.store.disk.errors import DiskFailed
from aether.store.disk.sync_job import SyncJob
from aether.store.native.jobs import LogSync
from aether.store.native.results import Applied, Refused, Result
from aether.store.spec import StoreLimits, Timing
from tests.certificates import Authority
from tests.integration.contracts.raft_cluster import new_members
from tests.integration.contracts.store import put
from tests.integration.native_cluster import POLL_S, NativeCluster, until

WAIT_S = 10.0
SMALL = StoreLimits(
    segment_bytes=64 * 1024, snapshot_entries=200, keep_entries=50, checkpoint_entries=100
)


async def write(cluster: NativeCluster, prefix: str, count: int) -> None:
    stores = cluster.stores
    await asyncio.gather(
        *(stores[n % len(stores)].txn(put(f"{prefix}/{n}"), WAIT_S) for n in range(count))
    )


async def test_writes_through_any_member_reach_all() -> None:
    async with NativeCluster(new_members(3)) as cluster:
        await cluster.leader()
        await write(cluster, "a", 300)
        await cluster.equal()
        for store in cluster.stores:
            assert len((await store.range("a/")).entries) == 300


async def test_callbacks_answer_many_at_once() -> None:
    async with NativeCluster(new_members(3)) as cluster:
        leader = cluster.running[await cluster.leader()].consensus
        results: list[Result] = []
        reads: list[object] = []
        for number in range(500):
            leader.submit(b"not a command %d" % number, results.append, WAIT_S)
            leader.read(reads.append, WAIT_S)
        await until(lambda: len(results) == len(reads) == 500)
        assert all(isinstance(result, Applied) for result in results)
        assert reads == [None] * 500


async def test_a_leader_that_stops_hands_over_first() -> None:
    async with NativeCluster(new_members(3)) as cluster:
        leader = await cluster.leader()
        term = cluster.running[leader].consensus.term
        loop = asyncio.get_running_loop()
        began = loop.time()
        await cluster.stop(leader)
        assert loop.time() - began < 2.0
        assert await cluster.leader() != leader
        assert {each.consensus.term for each in cluster.running.values()} == {term + 1}
        await cluster.stores[0].txn(put("after"), 2.0)


async def test_a_killed_leader_is_replaced_and_nothing_acknowledged_is_lost() -> None:
    async with NativeCluster(new_members(3)) as cluster:
        leader = await cluster.leader()
        await write(cluster, "before", 50)
        await cluster.kill(leader)
        await cluster.stores[0].txn(put("after"), WAIT_S)
        await cluster.start(cluster.member(leader))
        await cluster.equal()
        assert len((await cluster.running[leader].store.range("before/")).entries) == 50


async def test_all_killed_and_started_anew_know_what_they_acknowledged() -> None:
    async with NativeCluster(new_members(3)) as cluster:
        await cluster.leader()
        await write(cluster, "k", 100)
        for node in list(cluster.running):
            await cluster.kill(node)
        for member in cluster.members:
            await cluster.start(member)
        await cluster.leader()
        assert len((await cluster.stores[0].range("k/")).entries) == 100
        await cluster.equal()


async def test_without_a_majority_nothing_is_written_and_the_error_says_so() -> None:
    async with NativeCluster(new_members(3)) as cluster:
        leader = await cluster.leader()
        for node in [node for node in cluster.running if node != leader]:
            await cluster.kill(node)
        with pytest.raises((NoQuorum, OutcomeUnknown)):
            await cluster.running[leader].store.txn(put("k"), timeout_s=0.5)
        await until(lambda: cluster.running[leader].consensus.leader is None)
        with pytest.raises(NoQuorum):
            await cluster.running[leader].consensus.propose(b"x", 0.2)
        with pytest.raises(NoQuorum):
            await cluster.running[leader].consensus.barrier(0.2)


async def test_members_are_added_and_removed() -> None:
    founders = new_members(3)
    (fourth,) = new_members(1, first=4)
    async with NativeCluster(founders) as cluster:
        leader = await cluster.leader()
        await write(cluster, "k", 20)
        cluster.members.append(fourth)
        await cluster.start(fourth, members=())
        asked = cluster.running[next(node for node in cluster.running if node != leader)].consensus
        await asked.add_member(fourth, WAIT_S)
        await asked.add_member(fourth, WAIT_S)
        await until(lambda: fourth in cluster.running[fourth.node].consensus.members)
        await cluster.equal()
        with pytest.raises(Conflict, match="remove it"):
            await asked.add_member(Member(fourth.node, "127.0.0.1:1"), 1.0)
        await asked.remove_member(leader, WAIT_S)
        await asked.remove_member(leader, WAIT_S)
        await cluster.kill(leader)
        new = await cluster.leader()
        assert new != leader
        assert leader not in {each.node for each in cluster.running[new].consensus.members}
        await cluster.running[fourth.node].store.txn(put("after"), WAIT_S)
        assert any(fourth in told for told in cluster.told[new])


async def test_the_last_voter_stays() -> None:
    async with NativeCluster(new_members(1)) as cluster:
        leader = await cluster.leader()
        consensus = cluster.running[leader].consensus
        await consensus.propose(b"x", WAIT_S)
        with pytest.raises(Invalid):
            await consensus.remove_member(leader, 2.0)
        with pytest.raises(Invalid):
            await consensus.transfer_leadership(NodeId("nobody"), 2.0)
        await consensus.remove_member(NodeId("nobody"), 2.0)


async def test_leadership_is_handed_to_the_member_named() -> None:
    async with NativeCluster(new_members(3)) as cluster:
        leader = await cluster.leader()
        await write(cluster, "k", 10)
        heir = next(node for node in cluster.running if node != leader)
        for asked in cluster.running.values():
            assert await asked.consensus.transfer_leadership(heir, WAIT_S) == heir
        await cluster.stores[0].txn(put("after"), WAIT_S)
        assert await cluster.leader() == heir


async def test_a_laggard_gets_a_snapshot() -> None:
    async with NativeCluster(new_members(3), limits=SMALL) as cluster:
        leader = await cluster.leader()
        late = next(node for node in cluster.running if node != leader)
        await cluster.kill(late)
        await write(cluster, "k", 1000)
        leading = cluster.running[await cluster.leader()].consensus
        async with asyncio.timeout(WAIT_S):
            while (await leading.status()).first_index == 1:  # noqa: ASYNC110 - nothing announces it
                await asyncio.sleep(POLL_S)
        await cluster.start(cluster.member(late))
        await cluster.equal()
        assert (await cluster.running[late].consensus.status()).snapshot_index > 0
        await write(cluster, "more", 10)
        await cluster.equal()


async def test_a_wiped_member_is_filled_again() -> None:
    async with NativeCluster(new_members(3), limits=SMALL) as cluster:
        leader = await cluster.leader()
        await write(cluster, "k", 600)
        lost = next(node for node in cluster.running if node != leader)
        await cluster.kill(lost)
        cluster.wipe(lost)
        await cluster.running[leader].consensus.remove_member(lost, WAIT_S)
        await cluster.start(cluster.member(lost), members=())
        await cluster.running[leader].consensus.add_member(cluster.member(lost), WAIT_S)
        await cluster.equal()
        status = await cluster.running[leader].consensus.status()
        assert {each.node for each in status.members if each.voter} == set(cluster.running)


async def test_members_talk_over_mutual_tls(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with NativeCluster(new_members(3), tls=authority.issue) as cluster:
        leader = await cluster.leader()
        await write(cluster, "k", 100)
        await cluster.kill(leader)
        await write(cluster, "after", 50)
        await cluster.start(cluster.member(leader))
        await cluster.equal()


async def test_a_directory_belongs_to_one_member_of_one_cluster_at_a_time() -> None:
    async with NativeCluster(new_members(1)) as cluster:
        await cluster.leader()
        (member,) = cluster.members
        with pytest.raises(ConfigInvalid, match="in use"):
            await cluster.start(member)
        await cluster.stop(member.node)
        other = Member(NodeId("node-9"), member.address)
        (cluster.directory / member.node).rename(cluster.directory / other.node)
        with pytest.raises(ConfigInvalid, match="node-1"):
            await cluster.start(other, members=[other])
        (cluster.directory / other.node).rename(cluster.directory / member.node)
        await cluster.start(member)


async def test_a_member_that_stopped_answers_so() -> None:
    async with NativeCluster(new_members(1)) as cluster:
        await cluster.leader()
        (running,) = cluster.running.values()
        with pytest.raises(TooLarge):
            await running.consensus.propose(bytes(5 * 1024 * 1024), 1.0)
        await cluster.stop(cluster.members[0].node)
        with pytest.raises(NoQuorum, match="not running"):
            await running.consensus.propose(b"x", 1.0)
        with pytest.raises(NoQuorum, match="not running"):
            await running.consensus.status()
        refused: list[object] = []
        running.consensus.read(refused.append, 1.0)
        assert isinstance(refused[0], Refused)
        assert running.consensus.leader is None
        assert running.consensus.term == 0


def unused_job() -> SyncJob:
    return SyncJob(cast("Disk", None), (), (1, 1, 1), None, names=False)


async def test_a_leader_whose_disk_fails_is_missed_long_before_its_time_is_over() -> None:
    timing = Timing(heartbeat_s=0.2, election_s=2.0, suspicion_s=0.05)
    async with NativeCluster(new_members(3), timing=timing) as cluster:
        old = await cluster.leader()
        await write(cluster, "k", 3)
        others = [each for node, each in cluster.running.items() if node != old]

        consensus = cluster.running[old].consensus
        replica, driver = consensus._replica, consensus._driver
        assert replica is not None
        assert driver is not None
        began = driver.now()
        replica.sync_failed(LogSync(unused_job()), DiskFailed("the disk burns"), began)
        driver.wake()
        await until(lambda: all(each.consensus.leader not in (None, old) for each in others))
        took = driver.now() - began
        assert (await consensus.status()).condition == "disk_failed"
        assert took < timing.election_s, "they waited for a leader that had nothing to say"


async def test_after_a_fault_a_member_answers_who_waits_and_the_others_go_on() -> None:
    async with NativeCluster(new_members(3)) as cluster:
        leader = await cluster.leader()
        running = cluster.running[leader]
        replica = running.consensus._replica
        assert replica is not None

        def impossible(now: float) -> None:
            raise RuntimeError("impossible")

        replica.decide = impossible  # type: ignore[method-assign] # a fault of ours
        results: list[Result] = []
        running.consensus.submit(b"x", results.append, WAIT_S)
        failure = await asyncio.wait_for(running.consensus.wait_failed(), WAIT_S)
        assert isinstance(failure, RuntimeError)
        await until(lambda: results)
        assert not isinstance(results[0], Applied)
        running.consensus.submit(b"x", results.append, WAIT_S)
        assert isinstance(results[1], Refused)
        status = await running.consensus.status()
        assert (status.condition, "impossible" in status.detail) == ("failed", True)
        others = [each for node, each in cluster.running.items() if node != leader]
        await until(lambda: all(each.consensus.leader not in (None, leader) for each in others))
        await others[0].store.txn(put("after"), WAIT_S)
