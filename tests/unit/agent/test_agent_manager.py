"""The node's shell: what it does before it has caught up, and with hosts nobody asked for."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from aether.agent.manager import NodeDeploymentManager
from aether.agent.stepper import Prepare, Stepper
from aether.core.model import keys
from aether.core.model.ids import InstanceId, NodeId
from aether.core.model.lifecycle import Desired, Phase
from aether.core.model.reason import Reason
from aether.core.model.records import ArtifactRecord, PhaseRecord, decode, encode
from aether.core.store.commands import Outcome, Put, Txn
from aether.core.store.machine import KvMachine
from aether.errors import OutcomeUnknown
from aether.ports import STORE_S, HostStatus, Member
from aether.store.client import KvStore
from aether.tasks import Tasks
from aether_forge.sim.hosts import HostWeather, SimulatedLauncher
from aether_forge.sim.loop import VirtualClock, let_pass, run_virtual
from aether_forge.sim.oracle import Oracle
from tests.worlds import SHOP, nodes, wish, with_artifact

NODE, I0 = NodeId("n1"), InstanceId(f"{SHOP}:1.0.0/0")
CLOCK = VirtualClock()


async def nothing_to_prepare(_: ArtifactRecord) -> tuple[str, ...]:
    return ()


def make(
    oracle: Oracle, prepare: Prepare = nothing_to_prepare
) -> tuple[KvStore, SimulatedLauncher, NodeDeploymentManager]:
    machine = KvMachine()
    consensus = oracle.member(Member(NODE, "n1:1"), machine)
    store = KvStore(consensus, machine)
    launcher = SimulatedLauncher(random.Random(1), HostWeather())
    stepper = Stepper(NODE, "life-1", store, launcher, prepare)
    return store, launcher, NodeDeploymentManager(stepper, store, launcher, CLOCK, period_s=1.0)


def stray_host() -> HostStatus:
    return HostStatus(instance=I0, generation=1, pid=1, state="active", socket="/s", token="t")


async def asked_to(store: KvStore, desired: Desired, generation: int = 2) -> None:
    (record,) = with_artifact(nodes(), f"{SHOP}:1.0.0").artifacts.values()
    known = Put(keys.artifact(I0.artifact), encode(record))
    wanted = Put(keys.wanted(NODE, I0), encode(wish(desired, generation)))
    await store.txn(Txn((known, wanted), Reason("test", "test", "wish")))


async def told(store: KvStore) -> PhaseRecord | None:
    entry = await store.get(keys.phase(NODE, I0))
    return decode(entry.value, PhaseRecord) if entry is not None else None


async def phase(store: KvStore) -> Phase | None:
    fact = await told(store)
    return fact.state if fact is not None else None


@asynccontextmanager
async def running(
    desired: Desired,
    *,
    generation: int = 2,
    host: HostStatus | None = None,
    prepare: Prepare = nothing_to_prepare,
) -> AsyncIterator[tuple[KvStore, SimulatedLauncher, NodeDeploymentManager]]:
    """A node that is asked for one instance, of which it may have a host already."""
    oracle = Oracle()
    store, launcher, manager = make(oracle, prepare)
    oracle.reconnect(NODE)
    await asked_to(store, desired, generation)
    if host is not None:
        launcher.live[I0] = host
    tasks = Tasks()
    tasks.start("agent", manager.run())
    yield store, launcher, manager
    await tasks.stop()


def test_hosts_are_left_alone_until_the_store_has_caught_up() -> None:
    async def story() -> None:
        oracle = Oracle()
        _, launcher, manager = make(oracle)
        launcher.live[I0] = stray_host()
        tasks = Tasks()
        tasks.start("agent", manager.run())
        await let_pass(30.0)
        assert I0 in launcher.live
        oracle.reconnect(NODE)
        await let_pass(8.0)
        assert I0 not in launcher.live
        await tasks.stop()

    run_virtual(story())


def test_a_wish_is_carried_out_and_one_withdrawn_midway_is_undone() -> None:
    async def story() -> None:
        async with running(Desired.LOAD, generation=1) as (store, launcher, manager):
            await let_pass(5.0)
            assert await phase(store) is Phase.LOADED
            assert I0 in manager.hosts
            await asked_to(store, Desired.UNLOAD)
            await let_pass(5.0)
            assert await told(store) is None
            assert not launcher.live

    run_virtual(story())


def test_a_host_that_never_says_what_it_is_fails_in_time() -> None:
    async def story() -> None:
        silent = replace(stray_host(), state="starting")
        async with running(Desired.LOAD, generation=1, host=silent) as (store, launcher, _):
            await let_pass(115.0)
            assert I0 in launcher.live
            await let_pass(10.0)
            assert I0 not in launcher.live
            fact = await told(store)
            assert fact is not None
            assert fact.state is Phase.FAILED
            assert fact.failure is not None
            assert "has not said for 120 s what it is" in fact.failure.message

    run_virtual(story())


def test_each_wish_gives_a_silent_host_its_time_anew() -> None:
    async def story() -> None:
        silent = replace(stray_host(), state="starting")
        async with running(Desired.ACTIVATE, host=silent) as (store, launcher, _):
            await let_pass(50.0)
            await asked_to(store, Desired.DEACTIVATE, generation=3)
            await let_pass(25.0)
            assert I0 in launcher.live, "30 s are allowed for draining"
            await let_pass(10.0)
            assert I0 not in launcher.live

    run_virtual(story())


def test_hosts_a_new_launcher_has_not_heard_from_go_on_serving() -> None:
    async def story() -> None:
        async with running(Desired.ACTIVATE) as (store, launcher, manager):
            await let_pass(10.0)
            serves = launcher.live[I0]
            launcher.live[I0] = replace(serves, state="starting", generation=0, token="")
            await let_pass(3.0)
            assert launcher.live[I0].pid == serves.pid
            assert manager.slice_of("") is None
            launcher.live[I0] = serves
            await let_pass(3.0)
            assert launcher.live[I0] == serves
            assert manager.slice_of(serves.token) == SHOP
            assert manager.slice_of("kein Schlüssel") is None
            assert await phase(store) is Phase.ACTIVE

    run_virtual(story())


def test_an_instance_whose_wish_cannot_be_read_serves_on() -> None:
    async def story() -> None:
        async with running(Desired.ACTIVATE) as (store, launcher, _):
            await let_pass(10.0)
            serves = launcher.live[I0]
            later = encode(wish(Desired.ACTIVATE, 3)).replace(b"ACTIVATE", b"HIBERNATE")
            unread = Put(keys.wanted(NODE, I0), later)
            await store.txn(Txn((unread,), Reason("test", "test", "later")))
            await let_pass(10.0)
            assert launcher.live[I0] == serves
            assert await phase(store) is Phase.ACTIVE

    run_virtual(story())


def test_a_step_that_ends_in_a_bug_is_tried_again_after_a_pause_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def story() -> None:
        oracle = Oracle()
        store, launcher, manager = make(oracle)
        oracle.reconnect(NODE)
        loading = Put(keys.wanted(NODE, I0), encode(wish(Desired.LOAD, 1)))
        await store.txn(Txn((loading,), Reason("test", "test", "wish")))
        began: list[float] = []

        async def broken(*_: object) -> None:
            began.append(CLOCK.now())
            raise KeyError("a transition nobody thought of")

        monkeypatch.setattr(Stepper, "carry_out", broken)
        tasks = Tasks()
        tasks.start("agent", manager.run())
        await let_pass(10.0)
        assert 2 <= len(began) <= 20
        assert not launcher.live
        with pytest.raises(KeyError):
            await tasks.stop()

    run_virtual(story())


def test_a_fact_that_was_not_written_holds_up_no_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    """A node that starts again loads what is to serve; then the store cannot answer for a moment."""

    async def story() -> None:
        oracle = Oracle()
        store, launcher, manager = make(oracle)
        oracle.reconnect(NODE)
        await asked_to(store, Desired.ACTIVATE)
        write = store.txn
        lost: list[Txn] = []

        async def txn(txn: Txn, timeout_s: float = STORE_S) -> Outcome:
            if "is LOADED" in txn.reason.text and not lost:
                lost.append(txn)
                raise OutcomeUnknown("no quorum for a moment")
            return await write(txn, timeout_s)

        monkeypatch.setattr(store, "txn", txn)
        tasks = Tasks()
        tasks.start("agent", manager.run())
        await let_pass(10.0)
        assert lost
        assert await phase(store) is Phase.ACTIVE
        assert launcher.live[I0].state == "active"
        await tasks.stop()

    run_virtual(story())


def test_a_disk_that_is_full_is_a_failure_the_leader_hears_of() -> None:
    async def story() -> None:
        tries: list[ArtifactRecord] = []

        async def prepare(record: ArtifactRecord) -> tuple[str, ...]:
            tries.append(record)
            raise OSError(28, "No space left on device")

        async with running(Desired.LOAD, prepare=prepare) as (store, launcher, _):
            await let_pass(60.0)
            fact = await told(store)
            assert fact is not None
            assert fact.failure is not None
            assert (fact.state, fact.failure.kind) == (Phase.FAILED, "transient")
            assert "No space left on device" in fact.failure.message
            assert len(tries) == 1
            assert not launcher.live

    run_virtual(story())
