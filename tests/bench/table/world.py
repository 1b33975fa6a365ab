"""A cluster of five nodes with many endpoints, as entries of a store and as a table."""

from aether.core.dataplane.compile import compile_table
from aether.core.dataplane.table import Table
from aether.core.model import keys
from aether.core.model.ids import InstanceId, NodeId, SliceBase
from aether.core.model.lifecycle import Phase
from aether.core.model.projection import Projector
from aether.core.model.records import NodeRecord, PhaseRecord, RouteRecord, encode

ENDPOINTS = 5_000
ROUTES = 500
SLICES = 100
NODES = tuple(NodeId(f"node-{number}") for number in range(1, 6))
BASES = tuple(SliceBase(f"org.example:service-{number}") for number in range(SLICES))
SIZE = f"{ENDPOINTS} endpoints, {ROUTES} routes, {SLICES} slices, {len(NODES)} nodes"

Entry = tuple[str, bytes, int]


class World:
    """The store's entries; one instance at a time leaves or comes back."""

    def __init__(self) -> None:
        self.revision = 1
        self._away: int | None = None
        self._turn = 0
        self._entries: dict[str, Entry] = {}
        for number, node in enumerate(NODES):
            self._put(keys.node(node), _node(node, f"10.0.0.{number}:8092"))
        for number in range(ENDPOINTS):
            self._put(_place(number), _fact(number, Phase.ACTIVE))
        for number in range(ROUTES):
            record = RouteRecord(slice=BASES[number % SLICES])
            self._put(keys.route("GET", f"/api/v1/r{number}/{{id}}"), encode(record))
        self._entries = dict(sorted(self._entries.items()))

    def _put(self, key: str, value: bytes) -> None:
        self._entries[key] = (key, value, self.revision)

    def entries(self) -> list[Entry]:
        """Return all entries, sorted by key."""
        return list(self._entries.values())

    def change(self) -> None:
        """Have one instance begin to stop, or the one that did serve again."""
        self.revision += 1
        if self._away is None:
            self._turn += 1
            self._away = self._turn * 613 % ENDPOINTS
            self._put(_place(self._away), _fact(self._away, Phase.DEACTIVATING))
        else:
            self._put(_place(self._away), _fact(self._away, Phase.ACTIVE))
            self._away = None


def table() -> Table:
    """Return the table of the first node."""
    world = World()
    return compile_table(Projector().project(world.entries(), world.revision), NODES[0])


def _place(number: int) -> str:
    instance = InstanceId(f"{BASES[number % SLICES]}:1.0.0/{number // SLICES}")
    return keys.phase(NODES[number % len(NODES)], instance)


def _fact(number: int, state: Phase) -> bytes:
    socket = f"/var/lib/aether/run/i-{number:08x}.sock"
    record = PhaseRecord(state=state, observed_generation=1, incarnation="life", socket=socket)
    return encode(record)


def _node(name: NodeId, mesh: str) -> bytes:
    record = NodeRecord(
        node=name, incarnation="life", management="", cluster="", raft="", router="", mesh=mesh
    )
    return encode(record)
