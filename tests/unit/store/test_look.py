"""What loops see of the store."""

from aether.core.model import keys
from aether.core.model.ids import NodeId
from aether.core.model.reason import Reason
from aether.core.model.records import encode
from aether.core.model.view import project
from aether.core.store.commands import Operation, Put, Txn
from aether.core.store.machine import KvMachine
from aether.ports import Member
from aether.store.client import KvStore
from aether.store.look import Look
from aether_forge.sim.loop import run_virtual
from aether_forge.sim.oracle import Oracle
from tests.worlds import node_record

N1, N2 = NodeId("n1"), NodeId("n2")
PREFIXES = (keys.NODES, keys.PHASES)


def test_it_shows_what_is_there_and_is_the_same_view_while_the_store_stands_still() -> None:
    async def story() -> None:
        machine = KvMachine()
        consensus = Oracle().member(Member(N1, "n1:1"), machine)
        await consensus.start()
        store = KvStore(consensus, machine)
        look = Look(store, PREFIXES)
        assert look.view() == project((), 0)

        async def write(*operations: Operation) -> None:
            await store.txn(Txn(operations, Reason("test", "test", "something changes")))

        await write(Put(keys.node(N1), encode(node_record("n1"))))
        first = look.view()
        assert (first.revision, list(first.nodes)) == (1, [N1])
        assert look.view() is first
        await write(Put("app/x", b"1"))
        second = look.view()
        assert (second.revision, second.nodes is first.nodes) == (2, True)
        await write(Put(keys.node(N2), encode(node_record("n2"))))
        entries = store.level(PREFIXES).entries
        triples = [(entry.key, entry.value, entry.mod_revision) for entry in entries]
        assert look.view() == project(triples, 3)
        assert list(first.nodes) == [N1]

    run_virtual(story())
