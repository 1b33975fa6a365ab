"""A cluster of real managers in virtual time: real decisions, simulated consensus and hosts.

One seed makes one story: each concern has dice of its own, so a change in one does not reshuffle
the others.
"""

import asyncio
import random

from aether.agent.manager import NodeDeploymentManager
from aether.agent.stepper import Stepper
from aether.control.manager import ClusterDeploymentManager
from aether.core.control.signals import ControlSettings
from aether.core.model import keys
from aether.core.model.ids import InstanceId, NodeId
from aether.core.model.reason import Reason
from aether.core.model.records import ArtifactRecord, NodeRecord, encode
from aether.core.model.view import PREFIXES, ClusterView, project
from aether.core.store.commands import Operation, Put, Refused, Txn
from aether.core.store.machine import KvMachine
from aether.errors import AetherError
from aether.ports import Member
from aether.store.client import KvStore
from aether.tasks import Tasks
from aether_forge.sim.hosts import HostWeather, SimulatedLauncher
from aether_forge.sim.loop import VirtualClock
from aether_forge.sim.oracle import Oracle

REPORT_S = 1.0
REGISTER_S = 1.0
"""Longest time from the start of a node to its registration; its reports do not wait for it."""


class SimulatedNode:
    """One node: its store member outlives it, as a disk does; everything else dies with it."""

    def __init__(self, cluster: "SimulatedCluster", node: NodeId) -> None:
        self.node = node
        self.machine = KvMachine()
        self.consensus = cluster.oracle.member(Member(node, f"{node}:1"), self.machine)
        dice = cluster.dice(f"store/{node}").random
        self.store = KvStore(self.consensus, self.machine, dice, wall=VirtualClock().now)
        self.launcher = SimulatedLauncher(cluster.dice(f"hosts/{node}"), cluster.weather)
        self._dice = cluster.dice(f"node/{node}")
        self.control: ClusterDeploymentManager | None = None
        self._cluster = cluster
        self._lives = 0
        self._tasks = Tasks()

    @property
    def is_up(self) -> bool:
        """Whether the node runs."""
        return self.control is not None

    async def start(self) -> None:
        """Begin a new life."""
        self._lives += 1
        incarnation = f"life-{self._lives}"
        clock = VirtualClock()
        await self.consensus.start()
        self.control = ClusterDeploymentManager(
            self.node, self.store, clock, self._cluster.settings, period_s=1.0
        )
        stepper = Stepper(self.node, incarnation, self.store, self.launcher, _nothing_to_prepare)
        agent = NodeDeploymentManager(stepper, self.store, self.launcher, clock, period_s=1.0)
        self._tasks.start(f"{self.node} control", self.control.run())
        self._tasks.start(f"{self.node} agent", agent.run())
        self._tasks.start(f"{self.node} register", self._register(incarnation))
        self._tasks.start(f"{self.node} report", self._report(incarnation))

    async def kill(self, *, hosts_live_on: bool = False) -> None:
        """End the node and everything on it, as a lost machine does; or its process alone."""
        self.control = None
        await self.consensus.stop()
        await self._tasks.stop()
        if not hosts_live_on:
            self.launcher.live.clear()

    async def _report(self, incarnation: str) -> None:
        """Report to whoever leads, once a second."""
        await asyncio.sleep(self._dice.uniform(0.0, REPORT_S))
        while True:
            self._cluster.deliver(self.node, incarnation, self.store.leader)
            await asyncio.sleep(REPORT_S)

    async def _register(self, incarnation: str) -> None:
        """Write what the node says of itself; it takes as long as it takes."""
        record = NodeRecord(
            node=self.node,
            incarnation=incarnation,
            management=f"{self.node}:1",
            cluster=f"{self.node}:2",
            raft=f"{self.node}:3",
            router=f"{self.node}:4",
            mesh=f"{self.node}:5",
        )
        put = Put(keys.node(self.node), encode(record))
        while True:
            await asyncio.sleep(self._dice.uniform(0.0, REGISTER_S))
            try:
                await self.store.txn(Txn((put,), Reason(f"node:{self.node}", "register", "up")))
            except AetherError:
                continue  # no quorum now: the next second may have one
            return


class SimulatedCluster:
    """Nodes over one oracle."""

    def __init__(self, seed: int, nodes: int, weather: HostWeather | None = None) -> None:
        self.seed = seed
        self.weather = weather or HostWeather()
        self.settings = ControlSettings()
        self.oracle = Oracle()
        names = [NodeId(f"node-{number + 1}") for number in range(nodes)]
        self.nodes = {name: SimulatedNode(self, name) for name in names}

    def change_weather(self, weather: HostWeather) -> None:
        """Have every host behave otherwise from now on."""
        self.weather = weather
        for node in self.nodes.values():
            node.launcher.weather = weather

    def dice(self, concern: str) -> random.Random:
        """Return the dice of one concern."""
        return random.Random(f"{self.seed}/{concern}")  # noqa: S311 - a simulation, not a secret

    async def start(self) -> None:
        """Start every node."""
        for node in self.nodes.values():
            await node.start()

    async def stop(self) -> None:
        """End every node."""
        for node in self.nodes.values():
            if node.is_up:
                await node.kill()

    def deliver(self, sender: NodeId, incarnation: str, leader: NodeId | None) -> None:
        """Carry a report to the leader."""
        control = self.nodes[leader].control if leader in self.nodes else None
        if control is not None:
            control.hear(sender, incarnation)

    async def write(self, *operations: Operation) -> None:
        """Write as the API would; fails loudly when it cannot."""
        store = next(node.store for node in self.nodes.values() if node.is_up and node.store.leader)
        outcome = await store.txn(Txn(operations, Reason("api:test", "test", "as the test asks")))
        match outcome:
            case Refused(message=message, failed=failed):
                raise AssertionError(f"refused: {message} {failed}")
            case _:
                pass

    async def push(self, record: ArtifactRecord) -> None:
        """Make an artifact known."""
        await self.write(Put(keys.artifact(record.manifest.artifact), encode(record)))

    def view(self) -> ClusterView:
        """Return the cluster as its most advanced member has it."""
        stores = [node.store for node in self.nodes.values()]
        level = max(stores, key=lambda store: store.revision).level(PREFIXES)
        entries = ((entry.key, entry.value, entry.mod_revision) for entry in level.entries)
        return project(entries, level.revision)

    def running(self) -> dict[InstanceId, NodeId]:
        """Return what really runs, and where."""
        return {
            instance: name for name, node in self.nodes.items() for instance in node.launcher.live
        }


async def _nothing_to_prepare(_: ArtifactRecord) -> tuple[str, ...]:
    return ()
