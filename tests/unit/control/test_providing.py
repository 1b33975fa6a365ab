"""The leader asks the provider once for each state of a record, and writes down what went wrong."""

from dataclasses import dataclass, field
from itertools import pairwise

from aether.control.providing import Providing
from aether.core.control.signals import ControlSettings
from aether.core.model import keys
from aether.core.model.ids import NodeId
from aether.core.model.provision_records import ProvisionRecord
from aether.core.model.reason import Reason
from aether.core.model.records import EpochRecord, decode, encode
from aether.core.store.commands import Delete, Operation, Put, Txn
from aether.core.store.machine import KvMachine
from aether.errors import Unavailable
from aether.ports import Member
from aether.store.client import KvStore
from aether.tasks import Tasks
from aether_forge.sim.loop import VirtualClock, let_pass, run_virtual
from aether_forge.sim.oracle import Oracle

CLOCK = VirtualClock()
N4 = NodeId("n-4")
SETTINGS = ControlSettings(has_provider=True)


@dataclass
class FakeProvider:
    """Starts what it is asked for; refuses, or never answers, while told to."""

    refuses: bool = False
    hangs: bool = False
    asked: list[tuple[float, NodeId]] = field(default_factory=list)

    async def provide(self, node: NodeId) -> None:
        self.asked.append((CLOCK.now(), node))
        if self.hangs:
            await CLOCK.sleep(10_000)
        if self.refuses:
            raise Unavailable("no machine is free")


@dataclass
class World:
    store: KvStore
    provider: FakeProvider
    tasks: Tasks

    async def write(self, operation: Operation) -> None:
        await self.store.txn(Txn((operation,), Reason("test", "test", "test")))

    async def begin_epoch(self, leader: str, number: int = 1) -> None:
        epoch = EpochRecord(leader=NodeId(leader), epoch=number)
        await self.write(Put(keys.EPOCH, encode(epoch)))

    async def want(self, attempt: int = 0) -> None:
        record = ProvisionRecord(node=N4, attempt=attempt)
        await self.write(Put(keys.provision(N4), encode(record)))

    async def record(self) -> ProvisionRecord:
        entry = await self.store.get(keys.provision(N4))
        assert entry is not None
        return decode(entry.value, ProvisionRecord)


async def world(oracle: Oracle, name: str = "n-1") -> World:
    node, machine = NodeId(name), KvMachine()
    consensus = oracle.member(Member(node, f"{name}:1"), machine)
    await consensus.start()
    store, provider, tasks = KvStore(consensus, machine), FakeProvider(), Tasks()
    tasks.start("providing", Providing(node, store, provider, CLOCK, SETTINGS).run())
    made = World(store, provider, tasks)
    if store.leader == node:
        await made.begin_epoch(name)
    return made


def test_a_node_is_asked_for_once_while_its_record_stands() -> None:
    async def story() -> None:
        made = await world(Oracle())
        await made.want()
        await let_pass(60)
        assert [node for _, node in made.provider.asked] == [N4]
        await made.want(attempt=1)
        await let_pass(60)
        assert len(made.provider.asked) == 2
        await made.write(Delete(keys.provision(N4)))
        await let_pass(5)
        assert len(made.provider.asked) == 2
        await made.tasks.stop()

    run_virtual(story())


def test_failures_are_counted_and_asked_again_ever_later_until_given_up() -> None:
    async def story() -> None:
        made = await world(Oracle())
        made.provider.refuses = True
        await made.want()
        await let_pass(200)
        at = [when for when, _ in made.provider.asked]
        gaps = [round(later - earlier) for earlier, later in pairwise(at)]
        assert gaps == [1, 2, 4, 8]
        assert await made.record() == ProvisionRecord(
            node=N4, attempt=SETTINGS.provision_tries, problem="no machine is free"
        )
        await made.tasks.stop()

    run_virtual(story())


def test_a_provider_that_never_answers_is_a_failure_too() -> None:
    async def story() -> None:
        made = await world(Oracle())
        made.provider.hangs = True
        await made.want()
        await let_pass(151)
        assert (await made.record()).problem == "the provider did not answer in 150 s"
        await made.tasks.stop()

    run_virtual(story())


def test_who_does_not_lead_asks_for_nothing() -> None:
    async def story() -> None:
        oracle = Oracle()
        leading, following = await world(oracle), await world(oracle, "n-2")
        assert leading.store.leader == "n-1"
        await leading.want()
        await let_pass(10)
        assert (len(leading.provider.asked), following.provider.asked) == (1, [])
        await leading.tasks.stop()
        await following.tasks.stop()

    run_virtual(story())


def test_nobody_is_asked_before_the_reign_has_begun() -> None:
    async def story() -> None:
        made = await world(Oracle())
        await made.begin_epoch("n-2", 2)
        await made.want()
        await let_pass(10)
        assert made.provider.asked == []
        await made.begin_epoch("n-1", 3)
        await let_pass(10)
        assert len(made.provider.asked) == 1
        await made.tasks.stop()

    run_virtual(story())


def test_a_failure_of_an_earlier_epoch_is_not_written_and_the_provider_is_asked_again() -> None:
    async def story() -> None:
        made = await world(Oracle())
        made.provider.hangs = True
        await made.want()
        await let_pass(10)
        await made.begin_epoch("n-1", 2)
        made.provider.hangs = False
        await let_pass(160)
        assert await made.record() == ProvisionRecord(node=N4)
        assert len(made.provider.asked) == 2
        await made.tasks.stop()

    run_virtual(story())
