"""Storms of kills, cut-offs, lost answers, failing hosts and changes of mind, and the calm after.

Each fault is drawn from the seed's dice. In the calm every target is met, nothing moves any more,
what runs is what is wanted, no epoch had two writers, and a deletion leaves nothing.
"""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress

import pytest

from aether.core.control.admission import (
    Admitted,
    Rejected,
    admit_blueprint,
    admit_deletion,
    admit_scale,
)
from aether.core.control.status import blueprint_status
from aether.core.model import keys
from aether.core.model.ids import Artifact, NodeId, SliceBase
from aether.core.model.reason import Reason
from aether.core.model.records import EpochRecord, SliceSpec, decode
from aether.core.model.view import ClusterView
from aether.core.store.commands import Txn
from aether.errors import AetherError
from aether_forge.sim.cluster import SimulatedCluster, SimulatedNode
from aether_forge.sim.hosts import HostWeather
from aether_forge.sim.loop import VirtualClock, let_pass, run_virtual
from tests.worlds import APP, SHOP, STOCK, nodes, with_artifact

CLOCK = VirtualClock()
FRONT = SliceBase("org.example:front")
VERSIONS = ("1.0.0", "1.1.0", "2.0.0")

Decide = Callable[[ClusterView], Admitted | Rejected]


class Storm:
    """One cluster and everything that befalls it."""

    def __init__(self, seed: int, size: int) -> None:
        slowest_s = (0.5, 3.0, 30.0)[seed % 3]
        weather = HostWeather(slowest_step_s=slowest_s, step_fails=0.2)
        self.cluster = SimulatedCluster(seed, size, weather)
        self.dice = self.cluster.dice("storm")
        self.cut_off: set[NodeId] = set()

    async def begin(self) -> None:
        await self.cluster.start()
        await let_pass(3.0)
        known = with_artifact(nodes(), f"{STOCK}:1.0.0")
        known = with_artifact(known, f"{FRONT}:1.0.0", needs=[SHOP])
        for version in VERSIONS:
            known = with_artifact(known, f"{SHOP}:{version}", needs=[STOCK])
        for record in known.artifacts.values():
            await self.cluster.push(record)
        await self.change(blueprint("1.0.0", shops=3))
        await let_pass(self.dice.uniform(0.0, 30.0))

    async def rage(self, blows: int) -> None:
        for _ in range(blows):
            await let_pass(self.dice.choice([0.05, 1.0, 5.0, 15.0]) * self.dice.random())
            node = self.dice.choice(list(self.cluster.nodes.values()))
            if not node.is_up:
                await node.start()
                self.cut_off.discard(node.node)
            elif node.node in self.cut_off:
                self.cluster.oracle.reconnect(node.node)
                self.cut_off.discard(node.node)
            elif self.dice.random() < 0.6:
                await self.strike(node)
            else:
                await self.change_mind()

    async def strike(self, node: SimulatedNode) -> None:
        match self.dice.randrange(5):
            case 0 if node.launcher.live:
                node.launcher.crash(self.dice.choice(sorted(node.launcher.live)))
            case 1:
                await node.kill()
            case 2:
                for _ in range(self.dice.choice([1, 2])):
                    await node.kill(hosts_live_on=True)
                    await let_pass(self.dice.uniform(0.0, 4.0))
                    await node.start()
            case 3:
                self.cluster.oracle.cut_off(node.node)
                self.cut_off.add(node.node)
            case _:
                self.cluster.oracle.lose_answers(self.dice.randrange(1, 6))

    async def change_mind(self) -> None:
        wanted = self.dice.randrange(1, 7)
        match self.dice.randrange(3):
            case 0:
                await self.change(lambda view: admit_deletion(view, APP, False))
            case 1:
                await self.change(lambda view: admit_scale(view, SHOP, wanted))
            case _:
                version, tint = self.dice.choice(VERSIONS), self.dice.randrange(2)
                await self.change(blueprint(version, wanted, tint))

    async def change(self, decide: Decide) -> None:
        """Change what is wanted, as the API does; a change may be refused or lost."""
        decision = decide(self.cluster.view())
        stores = [node.store for node in self.cluster.nodes.values() if node.store.leader]
        if isinstance(decision, Rejected) or not stores:
            return
        txn = Txn(decision.then, Reason("api:test", "test", "as the dice say"), decision.guards)
        with suppress(AetherError):
            await self.dice.choice(stores).txn(txn, timeout_s=2.0)

    async def calm(self) -> None:
        """End the storm: everything is up, connected and works, and the blueprint is wanted."""
        self.cluster.oracle.lose_answers(0)
        for node in self.cluster.nodes.values():
            if not node.is_up:
                await node.start()
            self.cluster.oracle.reconnect(node.node)
        self.cluster.change_weather(HostWeather(slowest_step_s=3.0))
        await let_pass(2.0)
        while APP not in self.cluster.view().blueprints:
            await self.change(blueprint("2.0.0", shops=3, tint=1))
            await let_pass(1.0)

    async def until(self, holds: Callable[[], bool], within_s: float, what: str) -> None:
        began = CLOCK.now()
        while not holds():
            status = blueprint_status(self.cluster.view(), APP)
            assert CLOCK.now() - began < within_s, f"{what} after {within_s} s: {status}"
            await let_pass(0.25)

    def is_deployed(self) -> bool:
        status = blueprint_status(self.cluster.view(), APP)
        return status is not None and status.state == "DEPLOYED"

    def is_gone(self) -> bool:
        return blueprint_status(self.cluster.view(), APP) is None

    async def settle(self) -> None:
        """Wait until nothing has been written for longer than any pause of the leader."""
        began = since = CLOCK.now()
        revision = -1
        while CLOCK.now() - since < 90.0:
            assert CLOCK.now() - began < 900.0, "it never comes to rest"
            if self.cluster.view().revision != revision:
                revision, since = self.cluster.view().revision, CLOCK.now()
            await let_pass(1.0)


def blueprint(version: str, shops: int, tint: int = 0) -> Decide:
    slices = (
        SliceSpec(artifact=Artifact(f"{SHOP}:{version}"), instances=shops, config={"tint": tint}),
        SliceSpec(artifact=Artifact(f"{STOCK}:1.0.0"), instances=2),
        SliceSpec(artifact=Artifact(f"{FRONT}:1.0.0"), instances=2),
    )
    return lambda view: admit_blueprint(view, Artifact(f"{APP}:{version}"), slices, "")


def check_rest(cluster: SimulatedCluster) -> None:
    """What runs is what is wanted and what the store says, evenly spread."""
    view = cluster.view()
    runs = {
        (name, instance) for name, node in cluster.nodes.items() for instance in node.launcher.live
    }
    assert runs == set(view.wanted) == set(view.phases)
    for base, target in view.targets.items():
        spread = Counter(name for name, instance in runs if instance.base == base)
        assert spread.total() == target.instances
        assert max(spread.values()) - min(spread[name] for name in cluster.nodes) <= 1
    assert len({node.machine.state_hash() for node in cluster.nodes.values()}) == 1


def check_epochs(cluster: SimulatedCluster) -> None:
    """Every write of a leader took effect in that leader's own epoch."""
    epoch: EpochRecord | None = None
    changes = next(iter(cluster.nodes.values())).machine.changes_after(0)
    assert changes is not None
    for batch in changes:
        for change in batch.changes:
            if change.key == keys.EPOCH and change.entry is not None:
                before, epoch = epoch, decode(change.entry.value, EpochRecord)
                assert epoch.epoch == (before.epoch if before else 0) + 1
        actor, _, leader = batch.reason.actor.partition(":")
        if actor == "leader":
            assert epoch is not None
            assert epoch.leader == leader, batch.reason


async def story(storm: Storm) -> str:
    """Live through a storm; return what tells this life from every other."""
    cluster = storm.cluster
    await storm.begin()
    await storm.rage(storm.dice.randrange(8, 25))
    await storm.calm()
    await storm.until(storm.is_deployed, 300.0, "not whole")
    await storm.settle()
    check_rest(cluster)
    check_epochs(cluster)
    life = repr(next(iter(cluster.nodes.values())).machine.range("").entries)
    await storm.change(lambda view: admit_deletion(view, APP, False))
    await storm.until(storm.is_gone, 120.0, "not deleted")
    view = cluster.view()
    assert not cluster.running()
    assert [*view.wanted, *view.phases, *view.routes, *view.targets] == []
    await cluster.stop()
    return life


@pytest.mark.parametrize("size", [3, 5])
@pytest.mark.parametrize("seed", range(8))
def test_after_a_storm_of_everything_the_cluster_comes_to_rest(seed: int, size: int) -> None:
    run_virtual(story(Storm(seed, size)))


def test_one_seed_makes_one_story() -> None:
    assert run_virtual(story(Storm(1, 3))) == run_virtual(story(Storm(1, 3)))
