import asyncio

import pytest

from aether.core.model.ids import NodeId
from aether.core.store.codec import Noop, encode_command
from aether.core.store.commands import LeaseGrant, LeaseId, Put, Txn
from aether.core.store.machine import KvMachine
from aether.errors import Invalid, NoQuorum, OutcomeUnknown, Unavailable
from aether.ports import Member
from aether_forge.sim.oracle import Oracle, OracleConsensus
from tests.integration.contracts.store import POLL_S, REASON, put

NOOP = encode_command(Noop())


async def seated(oracle: Oracle) -> list[tuple[OracleConsensus, KvMachine]]:
    seats = []
    for number in (1, 2, 3):
        machine = KvMachine()
        member = Member(NodeId(f"node-{number}"), f"127.0.0.1:610{number}")
        consensus = oracle.member(member, machine)
        await consensus.start()
        seats.append((consensus, machine))
    return seats


async def test_who_is_cut_off_catches_up_later() -> None:
    oracle = Oracle()
    (one, first), (_, second), _ = await seated(oracle)
    oracle.cut_off(NodeId("node-2"))
    await one.propose(encode_command(put("k")), 1)
    assert (first.revision, second.revision) == (1, 0)
    oracle.reconnect(NodeId("node-2"))
    assert second.state_hash() == first.state_hash()


async def test_leadership_moves_with_the_majority() -> None:
    oracle = Oracle()
    (one, _), (two, _), (three, _) = await seated(oracle)
    term = one.term
    assert one.leader == "node-1"
    await one.stop()
    assert one.leader is None
    assert two.leader == "node-2"
    assert two.term == term + 1
    await two.stop()
    assert three.leader is None
    with pytest.raises(NoQuorum):
        await three.propose(NOOP, 1)


async def test_a_lost_answer_is_committed_all_the_same() -> None:
    oracle = Oracle()
    (one, machine), *_ = await seated(oracle)
    oracle.lose_answers(1)
    with pytest.raises(OutcomeUnknown):
        await one.propose(encode_command(put("k")), 1)
    assert machine.revision == 1
    await one.barrier(1)


async def test_a_removed_member_has_no_voice() -> None:
    oracle = Oracle()
    (one, _), *_ = await seated(oracle)
    await one.remove_member(NodeId("node-3"), 1)
    await one.remove_member(NodeId("node-3"), 1)
    assert [member.node for member in one.members] == ["node-1", "node-2"]
    await one.add_member(one.members[1], 1)
    with pytest.raises(NoQuorum, match="seat"):
        await one.add_member(Member(NodeId("node-9"), "127.0.0.1:6109"), 1)


async def test_leases_end_by_cluster_time_which_stands_still_without_a_leader() -> None:
    oracle = Oracle()
    (one, machine), *_ = await seated(oracle)
    clock = asyncio.get_running_loop()
    await one.propose(encode_command(LeaseGrant(100)), 1)
    await one.propose(encode_command(Txn((Put("k", b"", LeaseId(1)),), REASON)), 1)
    oracle.cut_off(NodeId("node-1"))
    oracle.cut_off(NodeId("node-2"))
    stood = oracle.time_ms()
    before = clock.time()
    while clock.time() < before + 0.01:  # noqa: ASYNC110 - time is what is waited for
        await asyncio.sleep(0)
    assert oracle.time_ms() == stood
    oracle.reconnect(NodeId("node-1"))
    async with asyncio.timeout(5):
        while machine.get("k") is not None:  # noqa: ASYNC110 - the oracle tells of nothing
            await asyncio.sleep(POLL_S)
    assert machine.lease_ttl(LeaseId(1)) is None


async def test_leadership_is_handed_over() -> None:
    oracle = Oracle()
    (one, _), (two, _), _ = await seated(oracle)
    term = one.term
    assert await one.transfer_leadership(NodeId("node-2"), 1) == "node-2"
    assert (two.leader, two.term) == ("node-2", term + 1)
    assert await one.transfer_leadership(None, 1) != "node-2"
    with pytest.raises(Invalid):
        await one.transfer_leadership(NodeId("node-9"), 1)
    await two.stop()
    with pytest.raises(Unavailable):
        await one.transfer_leadership(NodeId("node-2"), 1)


async def test_members_tell_their_status() -> None:
    oracle = Oracle()
    (one, _), (two, _), _ = await seated(oracle)
    await one.propose(NOOP, 1)
    told, other = await one.status(), await two.status()
    assert (told.role, other.role) == ("leader", "follower")
    assert (told.applied, told.commit, told.condition) == (1, 1, "ok")
