"""One step of one instance: what is written, and what is left alone."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from aether.agent.stepper import MAX_FAILURE_CHARS, TABLE_S, Stepper
from aether.core.agent.steps import Step
from aether.core.model import keys
from aether.core.model.ids import InstanceId, NodeId
from aether.core.model.lifecycle import Desired, Phase
from aether.core.model.reason import Reason
from aether.core.model.records import (
    ArtifactRecord,
    PhaseRecord,
    Route,
    RouteRecord,
    WantedRecord,
    encode,
)
from aether.core.model.view import PREFIXES, ClusterView, project
from aether.core.store.commands import Operation, Put, Txn
from aether.core.store.machine import KvMachine
from aether.errors import AetherError, ArtifactInvalid
from aether.ports import HostStatus, Member
from aether.store.client import KvStore
from aether_forge.sim.hosts import HostWeather, SimulatedLauncher
from aether_forge.sim.loop import run_virtual
from aether_forge.sim.oracle import Oracle, OracleConsensus
from tests.worlds import SHOP, STOCK, node_record, nodes, wish, with_artifact

NODE, I0 = NodeId("n1"), InstanceId(f"{SHOP}:1.0.0/0")
ROUTE = Route(method="GET", pattern="/shop")


@dataclass
class World:
    """One node's stepper over a store of one member."""

    store: KvStore
    consensus: OracleConsensus
    launcher: SimulatedLauncher
    stepper: Stepper
    prepared: list[str] = field(default_factory=list)
    artifact_problem: AetherError | None = None

    @classmethod
    async def make(cls, routes: Sequence[Route] = (ROUTE,)) -> "World":
        machine = KvMachine()
        consensus = Oracle().member(Member(NODE, "n1:1"), machine)
        await consensus.start()
        launcher = SimulatedLauncher(random.Random(1), HostWeather())
        store = KvStore(consensus, machine)
        stepper = Stepper(NODE, "life-1", store, launcher, lambda record: world.prepare(record))  # noqa: PLW0108 - world is made below
        world = cls(store, consensus, launcher, stepper)
        known = with_artifact(nodes(), f"{SHOP}:1.0.0", routes=routes)
        (record,) = known.artifacts.values()
        await world.put(Put(keys.artifact(I0.artifact), encode(record)))
        await world.put(Put(keys.node(NODE), encode(node_record("n1"))))
        return world

    async def prepare(self, record: ArtifactRecord) -> tuple[str, ...]:
        if self.artifact_problem:
            raise self.artifact_problem
        self.prepared.append(record.manifest.artifact)
        return ("/slices/x",)

    async def put(self, *operations: Operation) -> None:
        await self.store.txn(Txn(operations, Reason("test", "test", "set up")))

    async def wish(self, record: WantedRecord) -> WantedRecord:
        await self.put(Put(keys.wanted(NODE, I0), encode(record)))
        return record

    def view(self) -> ClusterView:
        level = self.store.level(PREFIXES)
        return project(((e.key, e.value, e.mod_revision) for e in level.entries), level.revision)

    def fact(self) -> PhaseRecord | None:
        return self.view().phases.get((NODE, I0))

    def host(self) -> HostStatus | None:
        return self.launcher.live.get(I0)

    async def do(self, step: Step, wanted: WantedRecord | None) -> None:
        await self.stepper.carry_out(I0, step, wanted, self.host(), self.view())

    async def serve(self) -> None:
        await self.do(Step.LOAD, await self.wish(wish(Desired.LOAD, 1)))
        await self.do(Step.ACTIVATE, await self.wish(wish(Desired.ACTIVATE, 2)))


def test_loading_prepares_the_artifact_starts_a_host_and_says_so() -> None:
    async def story() -> None:
        world = await World.make()
        await world.do(Step.LOAD, await world.wish(wish(Desired.LOAD, 1)))
        fact, host = world.fact(), world.host()
        assert fact is not None
        assert (fact.state, fact.observed_generation) == (Phase.LOADED, 1)
        assert host is not None
        assert len(host.token) == 32
        assert world.prepared == [f"{SHOP}:1.0.0"]

    run_virtual(story())


def test_active_and_its_routes_appear_in_one_transaction() -> None:
    async def story() -> None:
        world = await World.make()
        await world.serve()
        view = world.view()
        assert view.is_active((NODE, I0))
        assert view.routes[("GET", "/shop")].slice == SHOP
        phase_key, route_key = keys.phase(NODE, I0), keys.route("GET", "/shop")
        assert view.revisions[phase_key] == view.revisions[route_key]

    run_virtual(story())


def test_a_route_of_another_slice_fails_the_instance_for_good() -> None:
    async def story() -> None:
        world = await World.make()
        theirs = RouteRecord(slice=STOCK, timeout_s=1.0, body_limit=1)
        await world.put(Put(keys.route("GET", "/shop"), encode(theirs)))
        await world.serve()
        fact = world.fact()
        assert fact is not None
        assert fact.failure is not None
        assert fact.failure.kind == "fatal"
        assert str(STOCK) in fact.failure.message
        assert world.host() is None
        assert world.view().routes[("GET", "/shop")] == theirs

    run_virtual(story())


def test_a_bad_artifact_is_fatal_and_leaves_no_host() -> None:
    async def story() -> None:
        world = await World.make()
        world.artifact_problem = ArtifactInvalid("the wheel has no manifest")
        await world.do(Step.LOAD, await world.wish(wish(Desired.LOAD, 1)))
        fact = world.fact()
        assert fact is not None
        assert fact.failure is not None
        assert (fact.state, fact.failure.kind) == (Phase.FAILED, "fatal")
        assert world.host() is None

    run_virtual(story())


def test_a_failure_is_told_briefly_and_names_the_instance_once() -> None:
    async def story() -> None:
        world = await World.make()
        world.artifact_problem = ArtifactInvalid(f"{I0}: it began {'y' * 2_000_000} it ended")
        await world.do(Step.LOAD, await world.wish(wish(Desired.LOAD, 1)))
        fact = world.fact()
        assert fact is not None
        assert fact.failure is not None
        message = fact.failure.message
        assert len(message) < MAX_FAILURE_CHARS + 100
        assert message.startswith("it began y")
        assert message.endswith("y it ended")
        assert "1996018 characters left out" in message

    run_virtual(story())


def test_a_step_that_never_ends_is_a_failure_with_its_limit_named() -> None:
    async def story() -> None:
        world = await World.make()
        world.launcher.weather = HostWeather(slowest_step_s=1e9)
        await world.do(Step.LOAD, await world.wish(wish(Desired.LOAD, 1)))
        fact = world.fact()
        assert fact is not None
        assert fact.failure is not None
        assert fact.failure.kind == "transient"
        assert fact.failure.message.startswith("load took longer than 120 s; its host may be stuck")

    run_virtual(story())


def test_why_the_last_try_failed_is_told_until_one_works() -> None:
    async def story() -> None:
        world = await World.make()
        world.artifact_problem = AetherError("no room on the disk")
        await world.do(Step.LOAD, await world.wish(wish(Desired.LOAD, 1)))
        world.artifact_problem = None
        await world.do(Step.LOAD, await world.wish(wish(Desired.LOAD, 2)))
        loaded = world.fact()
        assert loaded is not None
        assert loaded.state is Phase.LOADED
        assert loaded.failure is not None
        assert loaded.failure.message == "no room on the disk"
        await world.do(Step.ACTIVATE, await world.wish(wish(Desired.ACTIVATE, 3)))
        active = world.fact()
        assert active is not None
        assert (active.state, active.failure) == (Phase.ACTIVE, None)

    run_virtual(story())


def test_a_wish_that_changed_meanwhile_is_not_answered() -> None:
    async def story() -> None:
        world = await World.make()
        first = await world.wish(wish(Desired.LOAD, 1))
        stale = world.view()
        await world.wish(wish(Desired.LOAD, 2))
        with pytest.raises(AetherError, match="changed"):
            await world.stepper.carry_out(I0, Step.LOAD, first, None, stale)
        assert world.fact() is None

    run_virtual(story())


def test_a_store_that_cannot_answer_is_no_reason_to_end_a_host_that_serves() -> None:
    async def story() -> None:
        world = await World.make()
        await world.serve()
        wanted = world.view().wanted[(NODE, I0)]
        await world.consensus.stop()
        with pytest.raises(AetherError, match="not written"):
            await world.do(Step.REPORT_ACTIVE, wanted)
        host = world.host()
        assert host is not None
        assert host.state == "active"

    run_virtual(story())


def test_a_host_that_vanished_is_reported_with_its_last_words() -> None:
    async def story() -> None:
        world = await World.make()
        await world.serve()
        world.launcher.crash(I0)
        async for exited in world.launcher.exits():
            world.stepper.note_exit(exited)
            break
        await world.do(Step.REPORT_VANISHED, world.view().wanted[(NODE, I0)])
        fact = world.fact()
        assert fact is not None
        assert fact.failure is not None
        assert fact.failure.message == "killed by signal 9"

    run_virtual(story())


def test_unloading_ends_the_host_first_and_then_removes_the_fact() -> None:
    async def story() -> None:
        world = await World.make()
        await world.serve()
        await world.do(Step.UNLOAD, await world.wish(wish(Desired.UNLOAD, 3)))
        assert world.host() is None
        assert world.fact() is None

    run_virtual(story())


def test_a_lost_route_is_claimed_again() -> None:
    async def story() -> None:
        world = await World.make()
        await world.serve()
        wanted = world.view().wanted[(NODE, I0)]
        without = replace(world.view(), routes={})
        assert world.stepper.repair(I0, wanted, world.host(), world.view()) is None
        assert world.stepper.repair(I0, wanted, world.host(), without) is Step.REPORT_ACTIVE

    run_virtual(story())


@dataclass
class Routers:
    """Where the routers of the node are: behind the store until they are told to catch up."""

    world: World
    revision: int | None
    known_when_drained: list[int | None] = field(default_factory=list)

    async def catch_up_after(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self.revision = self.world.store.revision


@pytest.mark.parametrize("confirmed", [0, None])
def test_requests_go_elsewhere_before_an_instance_is_drained(confirmed: int | None) -> None:
    """The worst moment for a router to hear of it is when the host has closed its connections."""

    async def story() -> None:
        world = await World.make()
        await world.serve()
        routers = Routers(world, confirmed)
        world.stepper.table_revision = lambda: routers.revision
        drain = world.launcher.deactivate

        async def deactivate(instance: InstanceId, drain_s: float) -> HostStatus:
            routers.known_when_drained.append(routers.revision)
            return await drain(instance, drain_s)

        world.launcher.deactivate = deactivate  # type: ignore[method-assign] # to see when it is called
        wanted = await world.wish(wish(Desired.DEACTIVATE, 3))
        leaving_at = world.store.revision + 1
        async with asyncio.TaskGroup() as group:
            group.create_task(world.do(Step.DEACTIVATE, wanted))
            if confirmed is not None:
                group.create_task(routers.catch_up_after(0.5))
        (known,) = routers.known_when_drained
        assert known is None if confirmed is None else known is not None and known >= leaving_at

    run_virtual(story())


def test_a_router_that_hears_nothing_holds_a_drain_up_for_a_moment_only() -> None:
    async def story() -> None:
        world = await World.make()
        await world.serve()
        world.stepper.table_revision = lambda: 0
        loop = asyncio.get_running_loop()
        began = loop.time()
        await world.do(Step.DEACTIVATE, await world.wish(wish(Desired.DEACTIVATE, 3)))
        fact = world.fact()
        assert fact is not None
        assert fact.state is Phase.LOADED
        assert TABLE_S <= loop.time() - began < 2 * TABLE_S + 10

    run_virtual(story())
