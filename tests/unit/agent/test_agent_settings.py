"""The agent gives hosts the settings in force, whatever happens in between."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from aether.agent.manager import NodeDeploymentManager
from aether.agent.stepper import Stepper
from aether.config.runtime_settings import DRAIN_GRACE, Effective
from aether.core.model import keys
from aether.core.model.ids import InstanceId, NodeId
from aether.core.model.lifecycle import Desired, Phase
from aether.core.model.reason import Reason
from aether.core.model.records import ArtifactRecord, ConfigRecord, PhaseRecord, decode, encode
from aether.core.model.slice_settings import settings_digest
from aether.core.store.commands import Delete, Operation, Put, Txn
from aether.core.store.machine import KvMachine
from aether.errors import Unavailable
from aether.ports import HostStatus, Member
from aether.store.client import KvStore
from aether.tasks import Tasks
from aether_forge.sim.hosts import HostWeather, SimulatedLauncher
from aether_forge.sim.loop import VirtualClock, let_pass, run_virtual
from aether_forge.sim.oracle import Oracle
from tests.worlds import SHOP, node_record, nodes, wish, with_artifact

NODE, I0 = NodeId("n1"), InstanceId(f"{SHOP}:1.0.0/0")
CLOCK = VirtualClock()
EUR, USD = b'{"currency":"EUR"}', b'{"currency":"USD"}'


class Hosts(SimulatedLauncher):
    """Hosts that note what they are told, and may not be reached."""

    def __init__(self) -> None:
        super().__init__(random.Random(1), HostWeather(slowest_step_s=0.1))
        self.given: list[bytes] = []
        self.drains: list[float] = []
        self.unreachable = False
        self.problem = ""

    async def configure(self, instance: InstanceId, config: bytes) -> HostStatus:
        if self.unreachable:
            raise Unavailable("the connection to the launcher was lost")
        self.given.append(config)
        told = await super().configure(instance, config)
        self.live[instance] = replace(told, settings_problem=self.problem)
        return self.live[instance]

    async def deactivate(self, instance: InstanceId, drain_s: float) -> HostStatus:
        self.drains.append(drain_s)
        return await super().deactivate(instance, drain_s)


@dataclass
class World:
    """One agent with one instance that is to serve, in currency EUR."""

    store: KvStore
    hosts: Hosts
    tasks: Tasks

    def begin(self) -> None:
        """Start the agent, or the agent of the node's next process."""

        async def prepare(_: ArtifactRecord) -> tuple[str, ...]:
            return ()

        stepper = Stepper(NODE, "life-1", self.store, self.hosts, prepare)
        stepper.drain_grace_s = Effective(node_record("n1")).drain_grace_s
        agent = NodeDeploymentManager(stepper, self.store, self.hosts, CLOCK, period_s=1.0)
        self.tasks = Tasks()
        self.tasks.start("agent", agent.run())

    async def put(self, *operations: Operation) -> None:
        await self.store.txn(Txn(operations, Reason("test", "test", "set up")))

    async def want(self, desired: Desired, generation: int) -> None:
        record = replace(wish(desired, generation), config={"currency": "EUR"})
        await self.put(Put(keys.wanted(NODE, I0), encode(record)))

    async def fact(self) -> PhaseRecord:
        entry = await self.store.get(keys.phase(NODE, I0))
        assert entry is not None
        return decode(entry.value, PhaseRecord)


def change(name: str, value: object, scope: str = f"slice/{SHOP}") -> Put:
    return Put(keys.config(scope, name), encode(ConfigRecord(value=value)))


def story(play: Callable[[World], Awaitable[None]], *, first: tuple[Put, ...] = ()) -> None:
    """Play with an instance that serves; `first` is in the store before it is loaded."""

    async def whole() -> None:
        machine = KvMachine()
        consensus = Oracle().member(Member(NODE, "n1:1"), machine)
        await consensus.start()
        world = World(KvStore(consensus, machine), Hosts(), Tasks())
        (record,) = with_artifact(nodes(), f"{SHOP}:1.0.0").artifacts.values()
        await world.put(Put(keys.artifact(I0.artifact), encode(record)), *first)
        await world.want(Desired.ACTIVATE, 2)
        world.begin()
        await let_pass(5.0)
        assert (await world.fact()).state is Phase.ACTIVE
        await play(world)
        await world.tasks.stop()

    run_virtual(whole())


def test_a_host_is_loaded_with_what_is_in_force() -> None:
    async def play(world: World) -> None:
        assert world.hosts.live[I0].settings == settings_digest(USD)
        assert world.hosts.given == []

    story(play, first=(change("currency", "USD"),))


def test_a_change_reaches_a_serving_host_within_a_second_and_ends_none() -> None:
    async def play(world: World) -> None:
        before = world.hosts.live[I0]
        revision = (await world.store.get(keys.phase(NODE, I0))).mod_revision  # type: ignore[union-attr] # it is there
        await world.put(change("currency", "USD"))
        await let_pass(0.5)
        assert world.hosts.given == [USD]
        await world.put(Delete(keys.config(f"slice/{SHOP}", "currency")))
        await let_pass(0.5)
        assert world.hosts.given == [USD, EUR]
        assert world.hosts.live[I0] == before
        entry = await world.store.get(keys.phase(NODE, I0))
        assert entry is not None
        assert entry.mod_revision == revision, "nothing to say about it"

    story(play)


def test_changes_of_others_reach_nobody_here() -> None:
    async def play(world: World) -> None:
        await world.put(
            change("currency", "USD", "slice/org.example:other"),
            change(DRAIN_GRACE, 3, "node/n1"),
        )
        await let_pass(3.0)
        assert world.hosts.given == []

    story(play)


def test_what_could_not_be_given_is_given_later_the_last_one_only() -> None:
    async def play(world: World) -> None:
        world.hosts.unreachable = True
        pid = world.hosts.live[I0].pid
        for currency in ("CHF", "GBP", "USD"):
            await world.put(change("currency", currency))
            await let_pass(2.0)
        assert (await world.fact()).state is Phase.ACTIVE, "nobody ends a host for that"
        world.hosts.unreachable = False
        await let_pass(3.0)
        assert world.hosts.given == [USD]
        assert world.hosts.live[I0].pid == pid

    story(play)


def test_an_agent_that_was_away_repairs_what_differs() -> None:
    async def play(world: World) -> None:
        await world.tasks.stop()
        await world.put(change("currency", "USD"))
        world.begin()
        await let_pass(2.0)
        assert world.hosts.given == [USD]
        assert world.hosts.live[I0].settings == settings_digest(USD)

    story(play)


def test_what_a_slice_thinks_of_its_settings_is_told_and_forgotten() -> None:
    async def play(world: World) -> None:
        world.hosts.problem = "configure failed: ValueError: no such currency"
        await world.put(change("currency", "BAD"))
        await let_pass(2.0)
        told = await world.fact()
        assert (told.state, told.settings_problem) == (Phase.ACTIVE, world.hosts.problem)
        assert told.failure is None
        assert len(world.hosts.given) == 1, "told once, not again and again"
        world.hosts.problem = ""
        await world.put(change("currency", "USD"))
        await let_pass(2.0)
        assert (await world.fact()).settings_problem == ""

    story(play)


def test_a_host_that_does_not_tell_its_settings_is_left_alone() -> None:
    async def play(world: World) -> None:
        world.hosts.live[I0] = replace(world.hosts.live[I0], settings="")
        await world.put(change("currency", "USD"))
        await let_pass(3.0)
        assert world.hosts.given == []

    story(play)


def test_the_grace_of_draining_is_what_is_set_now() -> None:
    async def play(world: World) -> None:
        await world.want(Desired.DEACTIVATE, 3)
        await let_pass(2.0)
        await world.want(Desired.ACTIVATE, 4)
        await let_pass(2.0)
        await world.put(change(DRAIN_GRACE, 3, "cluster"), change(DRAIN_GRACE, 9, "node/n2"))
        await world.want(Desired.DEACTIVATE, 5)
        await let_pass(2.0)
        assert world.hosts.drains == [10.0, 3.0]

    story(play)
