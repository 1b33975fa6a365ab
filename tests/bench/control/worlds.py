"""A store full of a large cluster, as bytes, and nodes that do what they are asked."""

from dataclasses import dataclass, replace

from aether.core.control.lowering import lower
from aether.core.model import keys
from aether.core.model.ids import Artifact, NodeId, SliceBase
from aether.core.model.lifecycle import Desired, Phase
from aether.core.model.plan import Plan
from aether.core.model.records import (
    BlueprintRecord,
    Dependency,
    DrainOrder,
    EpochRecord,
    NodeRecord,
    PhaseRecord,
    RouteRecord,
    SliceSpec,
    Verdict,
    VerdictRecord,
    WantedRecord,
    decode,
    encode,
)
from aether.core.model.view import ClusterView
from aether.core.store.commands import Delete, Put

LEADER = NodeId("node-1")
OWNER = SliceBase("bench:load")
PER_SLICE = 10
"""Instances of each slice."""
CHAIN = 5
"""Every slice but each fifth requires the one before it."""

_AFTER = {
    Desired.LOAD: Phase.LOADED,
    Desired.ACTIVATE: Phase.ACTIVE,
    Desired.DEACTIVATE: Phase.LOADED,
}


@dataclass(frozen=True, slots=True)
class Size:
    """How large a cluster is measured."""

    nodes: int
    instances: int

    @property
    def name(self) -> str:
        """`50x5000`."""
        return f"{self.nodes}x{self.instances}"


class Cluster:
    """The control keys of one cluster, with their revisions."""

    def __init__(self, size: Size) -> None:
        """Hold the nodes on duty, and nothing deployed."""
        self.size = size
        self.revision = 0
        self.silent: set[NodeId] = set()
        self._held: dict[str, tuple[bytes, int]] = {}
        self._asked: dict[str, Put] = {}
        """Wishes no node has answered yet, by key."""
        self.put(keys.EPOCH, EpochRecord(leader=LEADER, epoch=1))
        for number in range(size.nodes):
            node = NodeId(f"node-{number + 1}")
            self.put(keys.node(node), _node(node, f"zone-{number % 3}"))
            duty = VerdictRecord(verdict=Verdict.ON_DUTY, incarnation="life-1")
            self.put(keys.verdict(node), duty)

    def put(self, key: str, record: object) -> None:
        """Write one key."""
        self.revision += 1
        self._held[key] = (encode(record), self.revision)

    def entries(self) -> list[tuple[str, bytes, int]]:
        """Return what a look at the store gives, sorted by key."""
        return [(key, *self._held[key]) for key in sorted(self._held)]

    def deploy(self, version: str, generation: int) -> None:
        """Apply a blueprint of all the cluster's slices at one version."""
        slices = tuple(_spec(n, version) for n in range(self.size.instances // PER_SLICE))
        artifact = Artifact.of(OWNER, f"{generation}.0.0")
        record = BlueprintRecord(id=artifact, generation=generation, slices=slices)
        self.put(keys.blueprint(OWNER), record)

    def drain(self, node: NodeId) -> None:
        """Order a node to be emptied."""
        order = DrainOrder(by="api:bench")
        record = VerdictRecord(verdict=Verdict.DRAINING, incarnation="life-1", drain=order)
        self.put(keys.verdict(node), record)

    def commit(self, plan: Plan, view: ClusterView) -> None:
        """Write what the plan's transactions write."""
        for command in plan.commands:
            self.write(lower(command, view, 1).then)

    def write(self, operations: tuple[object, ...]) -> None:
        """Write one transaction."""
        self.revision += 1
        for operation in operations:
            if isinstance(operation, Put):
                self._held[operation.key] = (operation.value, self.revision)
                if operation.key.startswith(keys.WANTED):
                    self._asked[operation.key] = operation
            elif isinstance(operation, Delete):
                self._held.pop(operation.key, None)
                self._asked.pop(operation.key, None)

    def answer(self, most: int) -> int:
        """Let the nodes finish up to `most` steps they were asked for; return how many they did."""
        done = 0
        for key in list(self._asked):
            if done == most:
                break
            node, instance = keys.read_placed(key, keys.WANTED)
            if node in self.silent:
                continue
            wish = decode(self._asked.pop(key).value, WantedRecord)
            done += 1
            if wish.desired is Desired.UNLOAD:
                self._held.pop(keys.phase(node, instance), None)
                continue
            fact = _fact(_AFTER[wish.desired], wish.generation)
            self.put(keys.phase(node, instance), fact)
        return done

    def stir(self, view: ClusterView, count: int) -> None:
        """Have `count` instances say something new that changes no decision."""
        for node, instance in sorted(view.phases)[:: max(1, len(view.phases) // count)][:count]:
            fact = view.phases[node, instance]
            self.put(keys.phase(node, instance), replace(fact, socket=f"/run/{self.revision}"))

    def route_all(self) -> None:
        """Have one route for each slice, as its instances claim it."""
        for number in range(self.size.instances // PER_SLICE):
            record = RouteRecord(slice=_base(number), timeout_s=30.0, body_limit=1 << 20)
            self.put(keys.route("GET", f"/s{number}"), record)


def _base(number: int) -> SliceBase:
    return SliceBase(f"bench:s{number}")


def _spec(number: int, version: str) -> SliceSpec:
    needs = (Dependency(slice=_base(number - 1)),) if number % CHAIN else ()
    return SliceSpec(
        artifact=Artifact.of(_base(number), version), instances=PER_SLICE, dependencies=needs
    )


def _node(node: NodeId, zone: str) -> NodeRecord:
    return NodeRecord(
        node=node,
        incarnation="life-1",
        management="127.0.0.1:1",
        cluster="127.0.0.1:2",
        raft="127.0.0.1:3",
        router="127.0.0.1:4",
        mesh="127.0.0.1:5",
        labels={"zone": zone},
    )


def _fact(state: Phase, generation: int) -> PhaseRecord:
    return PhaseRecord(
        state=state, observed_generation=generation, incarnation="life-1", socket="/run/host.sock"
    )
