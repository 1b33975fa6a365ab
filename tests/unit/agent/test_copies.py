"""Nodes that keep the copies of a wheel: three of them on one simulated store."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace

from aether.agent.copies import Copies
from aether.artifacts.repository import digest_of
from aether.core.model import keys
from aether.core.model.ids import Artifact, NodeId
from aether.core.model.reason import Reason
from aether.core.model.records import (
    ArtifactRecord,
    Verdict,
    VerdictRecord,
    decode,
    encode,
)
from aether.core.store.commands import Put, Txn
from aether.core.store.machine import KvMachine
from aether.errors import Unavailable
from aether.ports import Member
from aether.store.client import KvStore
from aether.tasks import Tasks
from aether_forge.sim.loop import VirtualClock, let_pass, run_virtual
from aether_forge.sim.oracle import Oracle
from tests.wheels import ARTIFACT, FILENAME, MANIFEST, wheel
from tests.worlds import node_record

CLOCK = VirtualClock()
FETCH_S = 0.1
RECORD = ArtifactRecord(
    digest=digest_of(wheel()), size=1, filename=FILENAME, holders=(), manifest=MANIFEST
)


@dataclass
class Disk:
    """The wheels of a node in memory."""

    wheels: dict[str, bytes] = field(default_factory=dict)
    is_broken: bool = False

    async def held(self, digests: Collection[str]) -> frozenset[str]:
        if self.is_broken:
            raise OSError(5, "Input/output error")
        return frozenset(digest for digest in digests if digest in self.wheels)

    async def put(self, wheel: bytes, digest: str) -> None:
        self.wheels[digest] = wheel


@dataclass
class Nodes:
    """Nodes n1, n2 … with a disk and a copies loop each; who fetches asks the others' disks."""

    count: int
    oracle: Oracle = field(default_factory=Oracle)
    by_name: dict[str, Disk] = field(default_factory=dict)
    loops: dict[str, Copies] = field(default_factory=dict)
    fetched: list[str] = field(default_factory=list)
    is_open: bool = True

    async def start(self, tasks: Tasks) -> KvStore:
        stores = [await self._node(f"n{number}") for number in range(1, self.count + 1)]
        for name, loop in self.loops.items():
            tasks.start(f"copies {name}", loop.run())
        for name in self.by_name:
            await judge(stores[0], name, Verdict.ON_DUTY)
            await write(stores[0], keys.node(NodeId(name)), node_record(name))
        return stores[0]

    async def _node(self, name: str) -> KvStore:
        machine = KvMachine()
        consensus = self.oracle.member(Member(NodeId(name), f"{name}:1"), machine)
        await consensus.start()
        store = KvStore(consensus, machine)
        self.by_name[name] = Disk()
        source = Source(self, name)
        self.loops[name] = Copies(NodeId(name), store, self.by_name[name], source, CLOCK)
        return store

    def disks(self) -> set[str]:
        return {name for name, disk in self.by_name.items() if RECORD.digest in disk.wheels}


@dataclass
class Source:
    nodes: Nodes
    me: str

    async def fetch(self, artifact: Artifact, record: ArtifactRecord) -> bytes:
        self.nodes.fetched.append(self.me)
        await CLOCK.sleep(FETCH_S)
        for name, disk in self.nodes.by_name.items():
            if self.nodes.is_open and name != self.me and record.digest in disk.wheels:
                return disk.wheels[record.digest]
        raise Unavailable(f"no node gave {artifact}")


async def write(store: KvStore, key: str, record: object) -> None:
    await store.txn(Txn((Put(key, encode(record)),), Reason("test", "test", "test")))


async def judge(store: KvStore, name: str, verdict: Verdict) -> None:
    record = VerdictRecord(verdict=verdict, incarnation="life-1")
    await write(store, keys.verdict(NodeId(name)), record)


async def holders(store: KvStore) -> set[str]:
    entry = await store.get(keys.artifact(ARTIFACT))
    assert entry is not None
    return set(decode(entry.value, ArtifactRecord).holders)


async def push(nodes: Nodes, store: KvStore, *names: str) -> None:
    for name in names:
        nodes.by_name[name].wheels[RECORD.digest] = wheel()
    record = replace(RECORD, holders=tuple(map(NodeId, names)))
    await write(store, keys.artifact(ARTIFACT), record)


def test_copies_are_made_until_there_are_three_and_again_when_nodes_go() -> None:
    async def story() -> None:
        nodes, tasks = Nodes(5), Tasks()
        store = await nodes.start(tasks)
        await push(nodes, store, "n1")
        await let_pass(10)
        first = await holders(store)
        assert first == nodes.disks()
        assert len(first) == 3
        assert len(nodes.fetched) == 2
        doomed = sorted(first)[-1]
        await judge(store, doomed, Verdict.DRAINING)
        await let_pass(10)
        assert len(await holders(store) - {doomed}) == 3
        assert len(nodes.fetched) == 3
        await tasks.stop()

    run_virtual(story())


def test_a_wheel_fetched_to_be_run_makes_its_node_a_holder() -> None:
    async def story() -> None:
        nodes, tasks = Nodes(4), Tasks()
        store = await nodes.start(tasks)
        await push(nodes, store, "n1", "n2", "n3")
        nodes.by_name["n4"].wheels[RECORD.digest] = wheel()
        await let_pass(10)
        assert await holders(store) == {"n1", "n2", "n3", "n4"}
        assert nodes.fetched == []
        await tasks.stop()

    run_virtual(story())


def test_a_lost_copy_is_taken_back_from_the_others() -> None:
    async def story() -> None:
        nodes, tasks = Nodes(3), Tasks()
        store = await nodes.start(tasks)
        await push(nodes, store, "n1", "n2", "n3")
        nodes.by_name["n2"].wheels.clear()
        await let_pass(10)
        assert nodes.disks() == {"n1", "n2", "n3"}
        assert nodes.fetched == ["n2"]
        await tasks.stop()

    run_virtual(story())


def test_a_copy_that_cannot_be_had_is_asked_for_ever_more_seldom() -> None:
    async def story() -> None:
        nodes, tasks = Nodes(2), Tasks()
        store = await nodes.start(tasks)
        nodes.is_open = False
        await push(nodes, store, "n1")
        await let_pass(300)
        assert 5 <= len(nodes.fetched) <= 15
        assert await holders(store) == {"n1"}
        nodes.is_open = True
        await let_pass(70)
        assert await holders(store) == {"n1", "n2"}
        await tasks.stop()

    run_virtual(story())


def test_a_disk_that_cannot_be_read_ends_no_loop_and_disowns_no_copy() -> None:
    async def story() -> None:
        nodes, tasks = Nodes(3), Tasks()
        store = await nodes.start(tasks)
        nodes.by_name["n1"].wheels[RECORD.digest] = wheel()
        await write(store, keys.artifact(ARTIFACT), replace(RECORD, holders=(NodeId("n1"),)))
        nodes.by_name["n2"].is_broken = True
        await let_pass(30.0)
        assert nodes.disks() == {"n1", "n3"}
        nodes.by_name["n2"].is_broken = False
        await let_pass(30.0)
        assert nodes.disks() == {"n1", "n2", "n3"}
        await tasks.stop()

    run_virtual(story())
