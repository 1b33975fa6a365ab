from dataclasses import dataclass

import pytest

from aether.core.model.ids import NodeId
from aether.core.model.reason import Reason
from aether.core.store.codec import decode_command, encode_result
from aether.core.store.commands import Applied, Delete, Put, Txn
from aether.core.store.machine import KvMachine
from aether.errors import AetherError, Invalid, NoQuorum, OutcomeUnknown
from aether.ports import Member
from aether.store.client import KvStore
from aether_forge.sim.oracle import Oracle, OracleConsensus

REASON = Reason("test", "unit", "because")
TXN = Txn((Put("k", b""),), REASON)


@dataclass
class Asked:
    command: bytes
    timeout_s: float


class Scripted(OracleConsensus):
    """A member that fails as told, then answers."""

    def __init__(self, *failures: AetherError) -> None:
        oracle, node = Oracle(), NodeId("node-1")
        oracle.member(Member(node, "127.0.0.1:6101"), KvMachine())
        super().__init__(oracle, node)
        self._failures = list(failures)
        self.asked: list[Asked] = []

    async def propose(self, command: bytes, timeout_s: float) -> bytes:
        self.asked.append(Asked(command, timeout_s))
        if self._failures:
            raise self._failures.pop(0)
        return encode_result(Applied(1))


def ids_of(consensus: Scripted) -> list[str]:
    commands = [decode_command(asked.command) for asked in consensus.asked]
    return [command.request_id for command in commands if isinstance(command, Txn)]


async def test_every_attempt_has_the_same_new_id() -> None:
    consensus = Scripted(NoQuorum("no"), OutcomeUnknown("lost"))
    store = KvStore(consensus, KvMachine())
    assert await store.txn(TXN) == Applied(1)
    assert await store.txn(TXN) == Applied(1)
    first, second, third, other = ids_of(consensus)
    assert first == second == third != other
    assert len(first) == 32


async def test_a_callers_id_is_kept() -> None:
    consensus = Scripted()
    await KvStore(consensus, KvMachine()).txn(Txn((Delete("k"),), REASON, request_id="mine"))
    assert ids_of(consensus) == ["mine"]


async def test_refusals_alone_mean_that_nothing_was_written() -> None:
    consensus = Scripted(*[NoQuorum("there is no leader") for _ in range(100)])
    with pytest.raises(NoQuorum, match="there is no leader"):
        await KvStore(consensus, KvMachine()).txn(TXN, timeout_s=0.1)
    assert len(consensus.asked) > 1


async def test_one_lost_answer_makes_all_unknown() -> None:
    failures = [OutcomeUnknown("lost"), *[NoQuorum("no") for _ in range(100)]]
    with pytest.raises(OutcomeUnknown, match="lost"):
        await KvStore(Scripted(*failures), KvMachine()).txn(TXN, timeout_s=0.1)


async def test_no_attempt_outlasts_the_deadline() -> None:
    consensus = Scripted()
    await KvStore(consensus, KvMachine()).txn(TXN, timeout_s=0.5)
    assert consensus.asked[0].timeout_s <= 0.5


async def test_a_negative_limit_is_refused() -> None:
    with pytest.raises(Invalid, match="-1"):
        await KvStore(Scripted(), KvMachine()).range("", limit=-1)


async def test_retries_are_spread_by_the_dice_it_is_given() -> None:
    machine, thrown = KvMachine(), [0.25, 0.5, 0.75]
    consensus = Oracle().member(Member(NodeId("n1"), "127.0.0.1:1"), machine)
    store = KvStore(consensus, machine, lambda: thrown.pop() if len(thrown) > 1 else thrown[0])
    with pytest.raises(NoQuorum):
        await store.txn(Txn((Put("k", b"v"),), Reason("test", "test", "try")), timeout_s=0.2)
    assert thrown == [0.25]
    await store.close()
