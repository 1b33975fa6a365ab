"""All of a simulated group: members, network, clients, and what the oracles say of them."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from aether.core.model.ids import NodeId
from aether.ports import Member
from aether_forge.sim.raft.agenda import Agenda, dice
from aether_forge.sim.raft.history import History
from aether_forge.sim.raft.invariants import Invariants
from aether_forge.sim.raft.member import Pace, SimMember
from aether_forge.sim.raft.network import Network, Packet
from aether_forge.sim.raft.oracles import Turns
from aether_forge.sim.raft.settings import Settings
from aether_forge.sim.raft.story import Story
from aether_forge.sim.raft.watched import Ledger, WatchedMachine
from aether_forge.sim.raft.workload import Workload

RETRY_START_S = 0.5
"""Until a process that could not open its files is started again."""


class _Links:
    """`Links` of one process on the simulated network."""

    def __init__(self, network: Network, node: NodeId) -> None:
        self._network = network
        self._node = node

    def send(self, node: NodeId, packet: Packet) -> None:
        """Put a packet under way."""
        self._network.send(self._node, node, packet)


class World:
    """One run. Faults reach in here; everything they need has a name."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.agenda = Agenda()
        self.story = Story()
        self.counts: Counter[str] = Counter()
        self.violations: list[str] = []
        self.ledger = Ledger(self.violations, self.counts)
        self.history = History()
        weather = replace(settings.weather)  # it gets better at the end; the settings stay
        self.network = Network(self.agenda, self.throw("network"), weather, self)
        self.nodes: dict[NodeId, SimMember] = {}
        self.turns = Turns(
            self.story, self.complain, self.counts, Invariants(self.complain, self.nodes)
        )
        self.operators = 0
        """Operators who are changing the members."""
        self.founders = [self._member_of(number) for number in range(1, settings.nodes + 1)]
        for member in self.founders:
            self.build(member.node)
        for member in self.founders:
            self.start(member.node)
        self.workload = Workload(self, self.throw, settings.habits, self.history)

    def throw(self, concern: str) -> random.Random:
        """Return the dice of one concern of this run."""
        return dice(self.settings.seed, concern)

    def _member_of(self, number: int) -> Member:
        return Member(NodeId(f"n{number}"), f"127.0.0.1:{7000 + number}")

    def address(self, node: NodeId) -> str:
        """Return where a member's Raft port would be."""
        return f"127.0.0.1:{7000 + int(node[1:])}"

    def build(self, node: NodeId) -> SimMember:
        """Set a machine up; nothing runs on it yet."""
        member = SimMember(node, self.agenda, self.throw(f"member/{node}"), self)
        member.pace = Pace(self.settings.turn_s, self.settings.sync_s)
        member.disk.trouble.ignores_sync = self.settings.ignores_sync
        member.disk.on_torn = lambda _: self.count("torn write")
        self.nodes[node] = member
        return member

    def start(self, node: NodeId) -> None:
        """Run a process on a machine, unless one runs."""
        member = self.nodes[node]
        if member.runs:
            return
        founders = [] if member.joins else self.founders
        machine = WatchedMachine(self.ledger, node)
        replica = self.settings.make_replica(
            self.settings.spec(node, founders),
            member.disk,
            machine,
            _Links(self.network, node),
            self.throw(f"raft/{node}/{member.life}").random,
            member.stopwatch,
        )
        member.begin(replica, machine)
        if member.runs:
            if machine.restored:
                self.count("restarted from a snapshot")
            machine.on_restored = self._installed
            others = [other for other in self.nodes if other != node and self.nodes[other].runs]
            self.network.join(node, others)
            self.story.tell(self.agenda.now, f"{node} starts")

    def stop(self, node: NodeId, *, power: bool) -> None:
        """End a process by `kill -9`, or by a power cut of its machine."""
        member = self.nodes[node]
        if power:
            member.disk.power_cut()
        if member.runs:
            member.end()
            self.network.leave(node, silently=power)
            self.workload.member_ended(member)
            self.story.tell(self.agenda.now, f"{node} {'loses power' if power else 'is killed'}")

    def start_later(self, node: NodeId, delay: float) -> None:
        """Have a process run after a while."""
        self.agenda.after(delay, lambda: self.start(node))

    # What members tell.

    def turned(self, member: SimMember) -> None:
        """Look at a member after a turn."""
        self.turns.turned(member)

    def crashed(self, member: SimMember, trace: str) -> None:
        """Take note that a replica raised: that is a violation by itself."""
        self.complain(f"{member.node} raised:\n{trace}")
        self.stop(member.node, power=False)
        self.start_later(member.node, RETRY_START_S)

    def would_not_start(self, member: SimMember, problem: str) -> None:
        """Take note that a process ended while it opened its files; it is started again."""
        self.story.tell(self.agenda.now, f"{member.node} does not start: {problem}")
        self.count("start refused")
        self.start_later(member.node, RETRY_START_S)

    def lost_power(self, member: SimMember, step: str, *, power: bool) -> None:
        """Take note that a machine stopped in the middle of a step on its disk."""
        what, name = step.split(" ", 1)
        for part, told in (
            ("vote", "voting"),
            ("log", "writing the log"),
            ("snap", "taking a snapshot"),
        ):
            if name.startswith(part):
                self.count(f"stopped while {told}")
        self.story.tell(self.agenda.now, f"{member.node} stops in the middle of: {what} {name}")
        self.stop(member.node, power=power)
        self.start_later(
            member.node, self.throw(f"restart/{member.node}/{member.life}").uniform(0.1, 1.0)
        )

    def _installed(self) -> None:
        self.count("snapshot installed")
        if self.network.any_cut:
            self.count("snapshot installed under partition")

    # What the network and clients ask.

    def life(self, node: NodeId) -> int | None:
        """Return which process of a member runs."""
        member = self.nodes[node]
        return member.life if member.runs else None

    def arrive(self, node: NodeId, sender: NodeId, packet: Packet) -> None:
        """Hand a packet over."""
        self.nodes[node].tell(lambda replica, now: replica.receive(sender, packet, now))

    def hang_up(self, node: NodeId, sender: NodeId) -> None:
        """Tell a member that another's connection closed."""
        self.nodes[node].tell(lambda replica, now: replica.link_lost(sender, now))

    def askable(self) -> list[SimMember]:
        """Return the members clients know."""
        return list(self.nodes.values())

    def complain(self, violation: str) -> None:
        """Take note of a broken promise."""
        self.violations.append(f"at {self.agenda.now:.3f}: {violation}")
        self.story.tell(self.agenda.now, f"VIOLATION: {violation}")

    def count(self, what: str) -> None:
        """Take note that something happened."""
        self.counts[what] += 1

    # What faults and the end of a run ask.

    def leader(self) -> NodeId | None:
        """Return who leads in the newest term, as those who lead know."""
        leading = [
            (member.replica.term, node)
            for node, member in self.nodes.items()
            if member.replica is not None and member.replica.leader == node
        ]
        return max(leading)[1] if leading else None

    def running(self) -> list[NodeId]:
        """Return the members whose process runs and is not paused."""
        return [node for node, member in self.nodes.items() if member.runs and not member.paused]

    def condition(self, node: NodeId) -> str:
        """Return how a member says it is; `down` when nothing runs."""
        replica = self.nodes[node].replica
        return "down" if replica is None else replica.condition

    def well(self, nodes: Sequence[NodeId]) -> bool:
        """Whether each of these members runs and says that it is `ok`."""
        return all(self.condition(node) == "ok" for node in nodes)

    def voters(self) -> list[NodeId]:
        """Return who votes, as the leader knows, or else the member with the newest log."""
        known = [member.replica for member in self.nodes.values() if member.replica is not None]
        if not known:
            return []
        best = max(known, key=lambda one: (one.role == "leader", one.term, one.applied))
        return [peer.node for peer in best.members.voters]
