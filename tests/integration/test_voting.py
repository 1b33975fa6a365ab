"""Nine members of the native engine: seven vote, one waits for a place, one is a worker."""

from aether.core.model import keys
from aether.core.model.ids import NodeId
from aether.core.model.reason import Reason
from aether.core.model.records import Verdict, VerdictRecord, encode
from aether.core.raft.membership import MAX_VOTERS
from aether.core.store.commands import Put, Txn
from aether.node.clock import MonotonicClock
from aether.node.voting import become_voter
from aether.ports import Member
from aether.tasks import Tasks
from tests.integration.contracts.raft_cluster import new_members
from tests.integration.native_cluster import NativeCluster, Running, until
from tests.worlds import node_record

WORKER = NodeId("node-9")
WAITS = NodeId("node-8")


class Quick(MonotonicClock):
    """Looks ten times as often."""

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds / 10)


async def register(first: Running, members: list[Member]) -> None:
    on_duty = VerdictRecord(verdict=Verdict.ON_DUTY, incarnation="life-1")
    puts = [
        put
        for member in members
        for put in (
            Put(keys.node(member.node), encode(node_record(member.node))),
            Put(keys.verdict(member.node), encode(on_duty)),
        )
    ]
    await first.store.txn(Txn(tuple(puts), Reason("test", "test", "nine nodes")), timeout_s=10)


def voters(running: Running) -> set[NodeId]:
    return {member.node for member in running.consensus.members if member.voter}


async def test_seven_vote_and_who_waits_takes_the_place_of_one_that_is_removed() -> None:
    members = new_members(9)
    async with NativeCluster(members[:1]) as cluster:
        first, tasks = cluster.running[members[0].node], Tasks()
        await until(lambda: first.consensus.leader == members[0].node)
        for member in members[1:]:
            await cluster.start(member, ())
            learner = Member(member.node, member.address, voter=False)
            await first.consensus.add_member(learner, 10)
        await register(first, members)
        for node, each in cluster.running.items():
            voting = become_voter(
                each.consensus, each.store, node, Quick(), is_worker=node == WORKER
            )
            tasks.start(f"vote {node}", voting)
        await until(lambda: len(voters(first)) == MAX_VOTERS)
        assert voters(first) == {member.node for member in members[:MAX_VOTERS]}
        await first.consensus.remove_member(NodeId("node-4"), 10)
        await until(lambda: WAITS in voters(first))
        assert len(voters(first)) == MAX_VOTERS
        assert WORKER not in voters(first)
        assert {m.node for m in first.consensus.members} >= {WORKER, WAITS}
        await tasks.stop()
