"""What a node does about its own settings when they change."""

from dataclasses import replace

from aether.config.runtime_settings import CAPACITY, LOG_LEVEL
from aether.core.metrics.slow_calls import SlowRule
from aether.core.model import keys
from aether.core.model.ids import NodeId
from aether.core.model.reason import Reason
from aether.core.model.records import ConfigRecord, NodeRecord, decode, encode
from aether.core.store.commands import Delete, Operation, Put, Txn
from aether.core.store.machine import KvMachine
from aether.node.live_settings import LiveSettings, as_set
from aether.node.registration import register
from aether.ports import Member
from aether.store.client import KvStore
from aether.tasks import Tasks
from aether_forge.sim.loop import VirtualClock, let_pass, run_virtual
from aether_forge.sim.oracle import Oracle
from tests.worlds import node_record

N1 = NodeId("n1")
RECORD = replace(node_record("n1", capacity=50), given={LOG_LEVEL: "warning"})


async def made() -> KvStore:
    machine = KvMachine()
    consensus = Oracle().member(Member(N1, "n1:1"), machine)
    await consensus.start()
    return KvStore(consensus, machine)


async def write(store: KvStore, *operations: Operation) -> None:
    await store.txn(Txn(operations, Reason("test", "test", "set up")))


def change(scope: str, name: str, value: object) -> Put:
    return Put(keys.config(scope, name), encode(ConfigRecord(value=value)))


async def told(store: KvStore) -> NodeRecord:
    entry = await store.get(keys.node(N1))
    assert entry is not None
    return decode(entry.value, NodeRecord)


def test_levels_follow_what_is_set_nearest_first_and_go_back() -> None:
    async def story() -> None:
        store, levels, tasks = await made(), list[str](), Tasks()
        tasks.start("settings", LiveSettings(RECORD, store, VirtualClock(), levels.append).run())
        await let_pass(0.2)
        await write(store, change("cluster", LOG_LEVEL, "error"))
        await let_pass(0.2)
        await write(store, change("node/n1", LOG_LEVEL, "debug"))
        await let_pass(0.2)
        await write(store, change("node/n2", LOG_LEVEL, "info"))
        await let_pass(0.2)
        await write(store, *(Delete(keys.config(at, LOG_LEVEL)) for at in ("cluster", "node/n1")))
        await let_pass(0.2)
        assert levels == ["warning", "error", "debug", "warning"]
        await tasks.stop()

    run_virtual(story())


def test_a_registered_node_tells_its_capacity_and_an_earlier_life_does_not() -> None:
    async def story() -> None:
        store, tasks = await made(), Tasks()
        live = LiveSettings(RECORD, store, VirtualClock(), lambda _: None)
        tasks.start("settings", live.run())
        await write(store, change("node/n1", CAPACITY, 7))
        await write(store, Put(keys.node(N1), encode(replace(RECORD, incarnation="life-2"))))
        await let_pass(1.0)
        assert (await told(store)).capacity == 50, "that life looks after itself"
        await write(store, Put(keys.node(N1), encode(RECORD)))
        await let_pass(1.0)
        assert await told(store) == replace(RECORD, capacity=7)
        await write(store, Delete(keys.config("node/n1", CAPACITY)))
        await let_pass(1.0)
        assert await told(store) == RECORD
        await tasks.stop()

    run_virtual(story())


def test_a_node_registers_with_the_capacity_set_for_it() -> None:
    async def story() -> None:
        store = await made()
        assert await as_set(store, RECORD) == RECORD
        await write(store, change("node/n1", CAPACITY, 7))
        await register(store, VirtualClock(), RECORD, "one")
        assert (await told(store)).capacity == 7

    run_virtual(story())


def test_the_rule_of_slow_calls_follows_what_is_set() -> None:
    async def story() -> None:
        store, rules, tasks = await made(), list[SlowRule](), Tasks()
        live = LiveSettings(RECORD, store, VirtualClock(), lambda _: None, rules.append)
        tasks.start("settings", live.run())
        await let_pass(0.2)
        await write(store, change("cluster", "invocations.slow_strategy", "fixed"))
        await write(store, change("cluster", "invocations.slow_fixed_s", 0.25))
        await let_pass(0.2)
        await write(store, change("cluster", LOG_LEVEL, "error"))
        await let_pass(0.2)
        await tasks.stop()
        assert rules[0] == SlowRule()
        assert rules[-1] == SlowRule(strategy="fixed", fixed_s=0.25)
        assert len(rules) <= 3

    run_virtual(story())
