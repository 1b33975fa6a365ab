"""The simulated quorum keeps what consensus promises and nothing more."""

from random import Random

import pytest

from aether.core.model.ids import NodeId
from aether.core.model.reason import Reason
from aether.core.store.codec import decode_result, encode_command
from aether.core.store.commands import Applied, Put, Txn
from aether.core.store.machine import KvMachine
from aether.errors import NoQuorum, OutcomeUnknown, Unavailable
from aether.ports import Member
from aether_forge.sim.control.quorum import Quorum, QuorumMember, QuorumWeather
from aether_forge.sim.loop import let_pass, run_virtual


def put(key: str) -> bytes:
    return encode_command(Txn((Put(key, b"x"),), Reason("test", "test", key)))


def members(quorum: Quorum, count: int) -> list[tuple[QuorumMember, KvMachine]]:
    made = []
    for number in range(count):
        machine = KvMachine()
        node = NodeId(f"n{number + 1}")
        member = quorum.seat(Member(node, f"{node}:1"), machine)
        quorum.connect(node)
        made.append((member, machine))
    return made


def test_a_proposal_is_answered_once_its_member_has_applied_it_and_others_follow() -> None:
    async def story() -> None:
        quorum = Quorum(Random(1), QuorumWeather(lag_s=0.5))
        (one, machine), (_, other), _ = members(quorum, 3)
        await let_pass(3.0)
        assert one.leader == quorum.leader is not None
        answer = decode_result(await one.propose(put("a"), 2.0))
        assert isinstance(answer, Applied)
        assert machine.get("a") is not None
        await let_pass(1.0)
        assert other.state_hash() == machine.state_hash() == quorum.notary.state_hash()

    run_virtual(story())


def test_without_a_majority_nothing_is_committed_and_with_one_again_somebody_leads() -> None:
    async def story() -> None:
        quorum = Quorum(Random(1), QuorumWeather())
        (one, _), (two, _), _ = members(quorum, 3)
        await let_pass(3.0)
        term = quorum.term
        quorum.disconnect(NodeId("n2"))
        quorum.disconnect(NodeId("n3"))
        await let_pass(2.0)
        with pytest.raises(NoQuorum):
            await one.propose(put("a"), 1.0)
        assert two.leader is None
        quorum.connect(NodeId("n3"))
        await let_pass(2.0)
        assert quorum.leader in ("n1", "n3")
        assert quorum.term > term
        await one.propose(put("a"), 1.0)
        assert quorum.length == 1

    run_virtual(story())


def test_an_answer_may_be_lost_and_a_proposal_may_be_and_the_caller_cannot_tell() -> None:
    async def story() -> None:
        weather = QuorumWeather(loses_answer=1.0)
        quorum = Quorum(Random(1), weather)
        (one, _), _, _ = members(quorum, 3)
        await let_pass(3.0)
        with pytest.raises(OutcomeUnknown):
            await one.propose(put("committed"), 1.0)
        assert quorum.length == 1
        weather.loses_proposal = 1.0
        with pytest.raises(OutcomeUnknown):
            await one.propose(put("lost"), 1.0)
        assert quorum.length == 1
        assert quorum.notary.get("committed") is not None

    run_virtual(story())


def test_leadership_moves_and_others_learn_it_later() -> None:
    async def story() -> None:
        quorum = Quorum(Random(1), QuorumWeather(lag_s=2.0))
        (one, _), (two, _), (three, _) = members(quorum, 3)
        await let_pass(5.0)
        assert quorum.lead(NodeId("n2"))
        assert two.leader == "n2"
        await let_pass(3.0)
        assert one.leader == three.leader == "n2"
        assert await one.transfer_leadership(NodeId("n3"), 1.0) == "n3"
        quorum.disconnect(NodeId("n1"))
        with pytest.raises(Unavailable):
            await two.transfer_leadership(NodeId("n1"), 1.0)

    run_virtual(story())


def test_a_late_commit_happens_after_its_caller_gave_up() -> None:
    async def story() -> None:
        quorum = Quorum(Random(3), QuorumWeather(late=1.0))
        (one, _), _, _ = members(quorum, 3)
        await let_pass(3.0)
        given_up = 0
        for number in range(10):
            try:
                await one.propose(put(f"{number}"), 0.5)
            except OutcomeUnknown:
                given_up += 1
        await let_pass(5.0)
        assert given_up > 3
        assert quorum.length == 10
        status = await one.status()
        assert (status.commit, status.applied) == (10, 10)

    run_virtual(story())
