"""A simulated cluster: machines, the quorum, links, judges, and the story of it all."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import replace
from random import Random
from typing import Any

import msgspec

from aether.core.model import keys
from aether.core.model.ids import NodeId
from aether.core.model.records import NodeRecord
from aether.core.model.view import PREFIXES, ClusterView, project
from aether.core.store.commands import Change, Changes, Entry, Txn
from aether.core.store.machine import KvMachine
from aether.ports import Member
from aether.tasks import Tasks
from aether_forge.sim.control.hosts import SimulatedHosts
from aether_forge.sim.control.judges import Budgets, Court, Epochs, Surge, Targets, Writers
from aether_forge.sim.control.ledger import Ledger
from aether_forge.sim.control.links import Links
from aether_forge.sim.control.node import SimNode
from aether_forge.sim.control.provider import SimulatedProvider
from aether_forge.sim.control.quorum import Quorum, read_command
from aether_forge.sim.control.reasons import Reasons
from aether_forge.sim.control.settings import ZONES, Settings
from aether_forge.sim.control.traffic import Traffic
from aether_forge.sim.raft.agenda import dice
from aether_forge.sim.raft.story import Story

MOST_VIOLATIONS = 20


def node_names(count: int) -> list[NodeId]:
    """Return the names of that many machines."""
    return [NodeId(f"node-{number + 1}") for number in range(count)]


class World:
    """One life of a cluster. Everything that happens in it is a function of `settings`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.story = Story()
        self.counts: Counter[str] = Counter()
        self.violations: list[str] = []
        self.links = Links(self.dice("links"), settings.links)
        self.quorum = Quorum(self.dice("quorum"), settings.quorum)
        self.ledger = Ledger()
        court = Court(self.ledger, self.now, self.complain, self.counts)
        targets = Targets(court)
        self.judges = (
            Epochs(court),
            Writers(court),
            targets,
            Surge(court, targets),
            Budgets(court, targets),
            Reasons(court),
        )
        self.nodes = {
            name: self._machine(name, number)
            for number, name in enumerate(node_names(settings.nodes))
        }
        self.tasks = Tasks(on_failure=self._failed)
        self.storm = Tasks(on_failure=self._failed)
        self.traffic = Traffic(self)
        if settings.topology is not None:
            settings.control = replace(settings.control, has_provider=True)
        self.provider = SimulatedProvider(self, self.dice("provider"))
        self.moved_at = 0.0
        """When an instance last was asked for something or changed its phase."""
        self.ended_at = 0.0
        """Virtual seconds at which everything was ended."""
        self.at_write: Callable[[], None] | None = None
        """Called once, at a write of a leader."""
        self.writes_to_pass = 0
        """Writes of a leader that pass before that."""
        self._txn: Txn | None = None
        self.quorum.observer = self._proposed
        self.quorum.notary.observer = self._changed

    # -- making ------------------------------------------------------------------------------------

    def dice(self, concern: str) -> Random:
        """Return the dice of one concern."""
        return dice(self.settings.seed, f"control/{concern}")

    def _machine(self, name: NodeId, number: int) -> SimNode:
        zone = {"zone": ZONES[number % self.settings.zones]} if self.settings.zones > 1 else {}
        record = NodeRecord(
            node=name,
            incarnation="",
            management=f"{name}:1",
            cluster=f"{name}:2",
            raft=f"{name}:3",
            router=f"{name}:4",
            mesh=f"{name}:5",
            labels={**zone, **self.settings.labels.get(name, {})},
            capacity=self.settings.capacity,
        )
        hosts = SimulatedHosts(self.dice(f"hosts/{name}"), self.settings.hosts)
        node = SimNode(self.quorum, self.links, hosts, record, self.dice)
        voter = number < min(7, self.settings.nodes)
        self.quorum.seat(Member(name, f"{name}:3", voter), node.machine)
        return node

    def start(self, name: NodeId) -> None:
        """Have a machine's node run; no change when it does."""
        node = self.nodes[name]
        if not node.runs:
            number = list(self.nodes).index(name)
            settings = self.settings
            routed = number < settings.routed
            if settings.topology is not None:
                node.provider = self.provider
            node.start(settings.control, settings.period_s, routed=routed)
            self.tell(f"{name} starts life {node.lives}")

    def add(self, name: NodeId) -> None:
        """Have a new machine come up; it learns and does not vote."""
        topology = self.settings.topology
        self.nodes[name] = self._machine(name, len(self.nodes))
        self.counts["a machine came up"] += 1
        self.start(name)
        if topology is None or len(self.nodes) > topology.max_nodes:
            self.complain(f"{name} is machine number {len(self.nodes)}, beyond {topology}")

    async def stop(self) -> None:
        """End everything."""
        self.ended_at = self.now()
        await self.storm.stop()
        await self.tasks.stop()
        for node in list(self.nodes.values()):
            await node.kill()
            await node.hosts.stop()

    # -- looking -----------------------------------------------------------------------------------

    def now(self) -> float:
        """Virtual seconds."""
        return asyncio.get_running_loop().time()

    def view(self) -> ClusterView:
        """Return the cluster as it is, known to the store at this moment."""
        return seen_by(self.quorum.notary)

    def is_well(self, name: NodeId) -> bool:
        """Whether a machine's node runs, goes on, and takes part in the store."""
        node = self.nodes[name]
        return node.runs and not node.is_frozen and self.quorum.is_connected(name)

    def well(self) -> list[NodeId]:
        """Return the machines that are well."""
        return [name for name in self.nodes if self.is_well(name)]

    # -- noting ------------------------------------------------------------------------------------

    def tell(self, what: str) -> None:
        """Add a line to the story."""
        self.story.tell(self.now(), what)

    def complain(self, violation: str) -> None:
        """Note a broken promise."""
        self.tell(f"VIOLATION {violation}")
        if len(self.violations) < MOST_VIOLATIONS:
            self.violations.append(violation)

    def stalled(self, stall: RuntimeError) -> None:
        """Note that time did not go on: something waits for ever, or never waits."""
        self.violations.insert(0, f"time stands still at {self.ended_at:.3f} s: {stall}")
        self.story.tell(self.ended_at, f"VIOLATION {stall}")

    def run(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Have something of the world's own happen beside everything else."""
        self.tasks.start(name, work)

    def befall(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Have a fault happen: it ends with the storm."""
        self.storm.start(name, work)

    async def end_faults(self) -> None:
        """End every fault where it is; what it did is left as it stands."""
        await self.storm.stop()

    def _failed(self, name: str, failure: BaseException) -> None:
        self.complain(f"{name} raised {failure!r}")

    def _count(self, change: Change) -> None:
        """Count the states worth reaching."""
        if change.entry is None:
            return
        if change.key.startswith(keys.VERDICTS):
            self.counts[f"a node {_state(change.entry)}"] += 1
        elif change.key.startswith((keys.WANTED, keys.PHASES)):
            state = _state(change.entry)
            if state in ("parked", "FAILED"):
                self.counts[f"an instance {state}"] += 1

    def _proposed(self, command: bytes) -> None:
        decoded = read_command(command)
        self._txn = decoded if isinstance(decoded, Txn) else None

    def _changed(self, changes: Changes | None) -> None:
        txn = self._txn
        if changes is None or txn is None:
            return
        for change in changes.changes:
            self.ledger.take(change)
            self._count(change)
            if change.key.startswith((keys.WANTED, keys.PHASES)):
                self.moved_at = self.now()
        for judge in self.judges:
            judge.judge(txn, changes)
        reason = txn.reason
        line = f"{reason.actor} {reason.rule}: {reason.text}"
        (self.story.note if reason.rule == "phase" else self.story.tell)(self.now(), line)
        if self.at_write is not None and reason.actor.startswith("leader:"):
            self._strike(self.at_write)

    def _strike(self, at_write: Callable[[], None]) -> None:
        if self.writes_to_pass:
            self.writes_to_pass -= 1
        else:
            self.at_write = None
            at_write()


def _state(entry: Entry) -> str:
    """Return the state a record of a node, a wish or a phase is in, as plain data has it."""
    plain = msgspec.json.decode(entry.value)
    if plain.get("parked"):
        return "parked"
    return str(plain.get("verdict") or plain.get("state") or "")


def seen_by(machine: KvMachine) -> ClusterView:
    """Return the cluster as one machine has it."""
    entries = (entry for prefix in PREFIXES for entry in machine.range(prefix).entries)
    triples = ((entry.key, entry.value, entry.mod_revision) for entry in entries)
    return project(triples, machine.revision)
