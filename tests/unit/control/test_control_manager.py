"""The leader's shell: it acts only while it leads and never on another leader's epoch."""

from collections.abc import Callable

import pytest
import structlog

from aether.control.manager import ClusterDeploymentManager
from aether.core.control.signals import ControlSettings
from aether.core.model import keys
from aether.core.model.ids import NodeId
from aether.core.model.plan import Plan
from aether.core.model.reason import Reason
from aether.core.model.records import (
    EpochRecord,
    TopologyRecord,
    Verdict,
    VerdictRecord,
    decode,
    encode,
)
from aether.core.store.commands import Outcome, Put, Txn
from aether.core.store.machine import KvMachine
from aether.errors import OutcomeUnknown, Unavailable
from aether.ports import STORE_S, Consensus, Member
from aether.store.client import KvStore
from aether.tasks import Tasks
from aether_forge.sim.loop import VirtualClock, let_pass, run_virtual
from aether_forge.sim.oracle import Oracle
from tests.worlds import (
    APP,
    SHOP,
    fact,
    node_record,
    nodes,
    placed,
    spec,
    target,
    wish,
    with_blueprint,
)

CLOCK = VirtualClock()


async def led_by(oracle: Oracle, name: str) -> tuple[KvStore, ClusterDeploymentManager]:
    node, machine = NodeId(name), KvMachine()
    consensus = oracle.member(Member(node, f"{name}:1"), machine)
    await consensus.start()
    store = KvStore(consensus, machine)
    return store, ClusterDeploymentManager(node, store, CLOCK, ControlSettings(), period_s=1.0)


class Recorder(KvStore):
    """A store that notes what is written, and may land a write without ever saying so."""

    def __init__(self, consensus: Consensus, machine: KvMachine) -> None:
        super().__init__(consensus, machine)
        self.written: list[Txn] = []
        self.hush: Callable[[Txn], bool] = lambda _: False
        self.refuse: Callable[[Txn], bool] = lambda _: False

    async def txn(self, txn: Txn, timeout_s: float = STORE_S) -> Outcome:
        if self.refuse(txn):
            raise Unavailable("the store is busy")
        outcome = await super().txn(txn, timeout_s)
        self.written.append(txn)
        if self.hush(txn):
            raise OutcomeUnknown("no answer in time")
        return outcome

    def wrote(self, prefix: str) -> list[str]:
        """Keys written below a prefix, in order."""
        return [
            operation.key
            for txn in self.written
            for operation in txn.then
            if isinstance(operation, Put) and operation.key.startswith(prefix)
        ]


async def led_shop(instances: int) -> tuple[Recorder, ClusterDeploymentManager]:
    """A leader of one node, and a blueprint that wants the shop."""
    node, machine = NodeId("n1"), KvMachine()
    consensus = Oracle().member(Member(node, "n1:1"), machine)
    await consensus.start()
    store = Recorder(consensus, machine)
    manager = ClusterDeploymentManager(node, store, CLOCK, ControlSettings(), period_s=1.0)
    blueprint = with_blueprint(nodes(), spec(f"{SHOP}:1.0.0", instances)).blueprints[APP]
    puts = (
        Put(keys.node(node), encode(node_record("n1"))),
        Put(keys.blueprint(APP), encode(blueprint)),
    )
    await store.txn(Txn(puts, Reason("test", "test", "set up")))
    manager.hear(node, "life-1")
    return store, manager


async def epoch(store: KvStore) -> EpochRecord | None:
    entry = await store.get(keys.EPOCH)
    return decode(entry.value, EpochRecord) if entry else None


def test_the_leader_begins_an_epoch_and_judges_nodes_that_report() -> None:
    async def story() -> None:
        store, manager = await led_by(Oracle(), "n1")
        tasks = Tasks()
        tasks.start("control", manager.run())
        register = Put(keys.node(NodeId("n1")), encode(node_record("n1")))
        await store.txn(Txn((register,), Reason("test", "test", "register")))
        manager.hear(NodeId("n1"), "life-1")
        await let_pass(2.0)
        assert await epoch(store) == EpochRecord(leader=NodeId("n1"), epoch=1)
        assert manager.view().verdicts[NodeId("n1")].verdict == "ON_DUTY"
        await let_pass(10.0)
        assert manager.view().verdicts[NodeId("n1")].verdict == "LOST"
        await tasks.stop()

    run_virtual(story())


def test_a_change_of_the_topology_is_acted_on_at_once() -> None:
    async def story() -> None:
        node, machine = NodeId("n1"), KvMachine()
        consensus = Oracle().member(Member(node, "n1:1"), machine)
        await consensus.start()
        store = KvStore(consensus, machine)
        settings = ControlSettings(has_provider=True)
        manager = ClusterDeploymentManager(node, store, CLOCK, settings, period_s=600.0)
        tasks = Tasks()
        tasks.start("control", manager.run())
        await let_pass(700.0)
        reason = Reason("test", "test", "grow")
        register = Put(keys.node(node), encode(node_record("n1")))
        await store.txn(Txn((register,), reason))
        manager.hear(node, "life-1")
        await let_pass(1.0)
        wanted = Put(keys.TOPOLOGY, encode(TopologyRecord(nodes=2, max_nodes=2)))
        await store.txn(Txn((wanted,), reason))
        await let_pass(1.0)
        assert [str(name) for name in manager.view().provisions] == ["node-1"]
        await tasks.stop()

    run_virtual(story())


def test_a_bug_in_one_turn_is_logged_and_the_leader_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def story() -> int:
        store, manager = await led_shop(1)
        bugs: list[float] = []

        def broken(*_: object) -> Plan:
            bugs.append(CLOCK.now())
            raise OverflowError("a number nobody thought of")

        tasks = Tasks()
        with monkeypatch.context() as patched:
            patched.setattr("aether.control.manager.reconcile", broken)
            tasks.start("control", manager.run())
            for _ in range(10):
                manager.wake()
                await let_pass(0.5)
        manager.hear(NodeId("n1"), "life-1")
        await let_pass(4.0)
        assert SHOP in manager.view().targets
        assert [str(node) for node, _ in manager.view().wanted] == ["n1"]
        await tasks.stop()
        assert await epoch(store) == EpochRecord(leader=NodeId("n1"), epoch=1)
        return len(bugs)

    with structlog.testing.capture_logs() as logged:
        bugs = run_virtual(story())
    assert 3 <= bugs <= 6  # once a second at most, however often it is woken
    told = [line for line in logged if line["event"] == "control turn broke off"]
    assert len(told) == bugs
    assert all(line["exc_info"] for line in told)


def test_a_bug_while_a_plan_is_written_fences_the_writes_it_cut_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def story() -> EpochRecord | None:
        store, manager = await led_shop(1)

        def broken(*_: object) -> Txn:
            raise OverflowError("a number nobody thought of")

        tasks = Tasks()
        with monkeypatch.context() as patched:
            patched.setattr("aether.control.manager.lower", broken)
            tasks.start("control", manager.run())
            await let_pass(2.5)
        manager.hear(NodeId("n1"), "life-1")
        await let_pass(4.0)
        assert SHOP in manager.view().targets
        await tasks.stop()
        return await epoch(store)

    with structlog.testing.capture_logs():
        after = run_virtual(story())
    assert after is not None
    assert after.epoch > 1


def test_instances_of_a_node_are_not_forgotten_while_the_verdict_on_it_is_not_written() -> None:
    async def story() -> None:
        node, machine = NodeId("n1"), KvMachine()
        consensus = Oracle().member(Member(node, "n1:1"), machine)
        await consensus.start()
        store = Recorder(consensus, machine)
        store.refuse = lambda txn: txn.reason.rule == "judge" and "silent" in txn.reason.text
        manager = ClusterDeploymentManager(node, store, CLOCK, ControlSettings(), period_s=1.0)
        there = placed("n2", f"{SHOP}:1.0.0/0")
        on_duty = VerdictRecord(verdict=Verdict.ON_DUTY, incarnation="life-1")
        blueprint = with_blueprint(nodes(), spec(f"{SHOP}:1.0.0")).blueprints[APP]
        puts = [
            Put(keys.blueprint(APP), encode(blueprint)),
            Put(keys.target(SHOP), encode(target())),
            Put(keys.wanted(*there), encode(wish())),
            Put(keys.phase(*there), encode(fact())),
        ]
        for name in (node, NodeId("n2")):
            puts.append(Put(keys.node(name), encode(node_record(name))))
            puts.append(Put(keys.verdict(name), encode(on_duty)))
        await store.txn(Txn(tuple(puts), Reason("test", "test", "set up")))
        tasks = Tasks()
        tasks.start("control", manager.run())
        for _ in range(20):
            manager.hear(node, "life-1")
            await let_pass(0.5)
        assert manager.view().verdicts[NodeId("n2")].verdict is Verdict.ON_DUTY
        assert list(manager.view().wanted) == [there]
        store.refuse = lambda _: False
        for _ in range(4):
            manager.hear(node, "life-1")
            await let_pass(0.5)
        assert manager.view().verdicts[NodeId("n2")].verdict is Verdict.LOST
        assert [str(host) for host, _ in manager.view().wanted] == ["n1"]
        await tasks.stop()

    run_virtual(story())


def test_a_follower_writes_nothing() -> None:
    async def story() -> None:
        oracle = Oracle()
        leader_store, _ = await led_by(oracle, "n1")
        _, follower = await led_by(oracle, "n2")
        tasks = Tasks()
        tasks.start("control", follower.run())
        await let_pass(5.0)
        assert await epoch(leader_store) is None
        await tasks.stop()

    run_virtual(story())


def test_an_epoch_taken_by_another_is_begun_anew_not_written_under() -> None:
    async def story() -> None:
        store, manager = await led_by(Oracle(), "n1")
        tasks = Tasks()
        tasks.start("control", manager.run())
        await let_pass(2.0)
        stolen = Put(keys.EPOCH, encode(EpochRecord(leader=NodeId("n9"), epoch=2)))
        await store.txn(Txn((stolen,), Reason("test", "test", "another leader")))
        await let_pass(3.0)
        assert await epoch(store) == EpochRecord(leader=NodeId("n1"), epoch=3)
        await tasks.stop()

    run_virtual(story())


def test_a_write_without_an_answer_is_fenced_by_a_new_epoch_and_not_made_twice() -> None:
    async def story() -> None:
        store, manager = await led_shop(2)
        silent = iter([True])
        store.hush = lambda txn: txn.reason.rule == "place" and next(silent, False)
        tasks = Tasks()
        tasks.start("control", manager.run())
        await let_pass(1.5)
        assert await epoch(store) == EpochRecord(leader=NodeId("n1"), epoch=2)
        assert sorted(set(store.wrote(keys.WANTED))) == sorted(store.wrote(keys.WANTED))
        assert len(manager.view().wanted) == 2
        await tasks.stop()

    run_virtual(story())


def test_targets_are_written_before_instances_and_their_revision_guards_those() -> None:
    async def story() -> None:
        store, manager = await led_shop(1)
        tasks = Tasks()
        tasks.start("control", manager.run())
        await let_pass(1.5)
        rules = [txn.reason.rule for txn in store.written]
        assert rules.index("target") < rules.index("place")
        placing = store.written[rules.index("place")]
        written = (await store.get(keys.target(SHOP))) or None
        assert written is not None
        assert (keys.target(SHOP), written.mod_revision) in [
            (guard.key, guard.mod_revision) for guard in placing.guards
        ]
        await tasks.stop()

    run_virtual(story())


def test_a_slice_whose_target_could_not_be_set_gets_no_instances_in_that_turn() -> None:
    async def story() -> None:
        store, manager = await led_shop(1)
        rival = Put(keys.target(SHOP), encode(target("1.0.0", 0, generation=9)))
        raced = iter([True])

        async def race(txn: Txn, timeout_s: float = STORE_S) -> Outcome:
            if txn.reason.rule == "target" and next(raced, False):
                await Recorder.txn(store, Txn((rival,), Reason("test", "scale", "another")))
            return await Recorder.txn(store, txn, timeout_s)

        store.txn = race  # type: ignore[method-assign] # the rival writes between look and write
        tasks = Tasks()
        tasks.start("control", manager.run())
        await let_pass(3.0)
        assert store.wrote(keys.WANTED) == []
        await tasks.stop()

    run_virtual(story())


def test_evaluating_shows_the_plan_and_writes_nothing() -> None:
    async def story() -> None:
        store, manager = await led_shop(1)
        plan = manager.evaluate()
        assert [command.because.rule for command in plan.commands] == ["judge", "target", "place"]
        assert len(store.written) == 1
        assert manager.last_plan.commands == ()

    run_virtual(story())


class Stoppable(VirtualClock):
    """Time goes on by `ahead` seconds while the process stands still."""

    ahead = 0.0

    def now(self) -> float:
        return super().now() + self.ahead


def test_a_leader_whose_process_stood_still_gives_nobody_up_for_it() -> None:
    """Its store, a process of its own, leads on; its peers reported all the while."""

    async def story() -> None:
        clock, names = Stoppable(), ("n1", "n2", "n3")
        store, _ = await led_by(Oracle(), "n1")
        node = NodeId("n1")
        manager = ClusterDeploymentManager(node, store, clock, ControlSettings(), period_s=1.0)
        for name in names:
            register = Put(keys.node(NodeId(name)), encode(node_record(name)))
            await store.txn(Txn((register,), Reason("test", "test", "register")))
        tasks = Tasks()
        tasks.start("control", manager.run())

        async def report(*heard: str) -> None:
            for _ in range(10):
                for name in heard:
                    manager.hear(NodeId(name), "life-1")
                await let_pass(0.5)

        await report(*names)
        clock.ahead += 60.0
        await let_pass(1.05)
        assert "LOST" not in {str(one.verdict) for one in manager.view().verdicts.values()}
        await report(*names)
        assert {str(one.verdict) for one in manager.view().verdicts.values()} == {"ON_DUTY"}
        await report("n1", "n2")
        await report("n1", "n2")
        assert manager.view().verdicts[NodeId("n3")].verdict == "LOST"
        await tasks.stop()

    run_virtual(story())
