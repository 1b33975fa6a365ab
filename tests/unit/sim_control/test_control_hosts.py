"""Simulated hosts do what a launcher's do, and outlive those who ask."""

import asyncio
from contextlib import suppress
from random import Random

import pytest

from aether.core.model.ids import Artifact, InstanceId
from aether.errors import SliceFailed, Unavailable
from aether.ports import HostExited, HostSpec
from aether_forge.sim.control.goods import SHOP, artifact_record
from aether_forge.sim.control.hosts import SETTLE_S, HostHabits, SimulatedHosts
from aether_forge.sim.loop import let_pass, run_virtual

SHOP_0 = InstanceId(f"{SHOP}:1.0.0/0")


def spec() -> HostSpec:
    manifest = artifact_record(SHOP, "1.0.0").manifest
    return HostSpec(instance=SHOP_0, generation=1, manifest=manifest, paths=(), token="t")


def hosts(habits: HostHabits | None = None) -> SimulatedHosts:
    return SimulatedHosts(Random(1), habits or HostHabits(slowest_step_s=0.5))


def test_a_host_takes_requests_from_its_activation_until_a_moment_after_its_draining_began() -> (
    None
):
    async def story() -> None:
        machine, now = hosts(), asyncio.get_running_loop().time
        assert (await machine.load(spec())).state == "loaded"
        assert not machine.takes_requests(SHOP_0, now())
        assert (await machine.activate(SHOP_0, 60.0)).state == "active"
        assert machine.takes_requests(SHOP_0, now())
        draining = asyncio.get_running_loop().create_task(machine.deactivate(SHOP_0, 10.0))
        await let_pass(SETTLE_S / 2)
        assert machine.live[SHOP_0].state == "stopping"
        assert machine.takes_requests(SHOP_0, now())
        assert (await draining).state == "loaded"
        assert not machine.takes_requests(SHOP_0, now())
        await machine.unload(SHOP_0)
        assert not machine.live
        await machine.stop()

    run_virtual(story())


def test_a_step_goes_on_when_who_asked_for_it_is_gone() -> None:
    async def story() -> None:
        machine = hosts()
        asked = asyncio.get_running_loop().create_task(machine.load(spec()))
        await let_pass(0.005)
        asked.cancel()
        with suppress(asyncio.CancelledError):
            await asked
        assert machine.live[SHOP_0].state == "starting"
        await let_pass(1.0)
        assert machine.live[SHOP_0].state == "loaded"
        await machine.stop()

    run_virtual(story())


def test_poison_is_fatal_failures_are_not_and_a_hung_step_ends_with_its_host() -> None:
    async def story() -> None:
        habits = HostHabits(slowest_step_s=0.5, poison={Artifact(f"{SHOP}:1.0.0"): "no shop"})
        machine = hosts(habits)
        with pytest.raises(SliceFailed, match="no shop") as fatal:
            await machine.load(spec())
        assert fatal.value.fields["kind"] == "fatal"
        habits.poison = {}
        habits.fails = 1.0
        with pytest.raises(SliceFailed) as transient:
            await machine.load(spec())
        assert transient.value.fields["kind"] == "transient"
        habits.fails, habits.hangs = 0.0, 1.0
        asked = asyncio.get_running_loop().create_task(machine.load(spec()))
        await let_pass(100.0)
        assert not asked.done()
        await machine.unload(SHOP_0)
        with pytest.raises(SliceFailed, match="ended meanwhile"):
            await asked
        await machine.stop()

    run_virtual(story())


def test_a_crash_is_told_and_a_machine_without_power_answers_nobody() -> None:
    async def story() -> None:
        machine = hosts()
        heard: list[HostExited] = []

        async def follow() -> None:
            async for exited in machine.exits():
                heard.append(exited)  # noqa: PERF401 - it never ends; what was heard is looked at meanwhile

        following = asyncio.get_running_loop().create_task(follow())
        await machine.load(spec())
        machine.crash(SHOP_0)
        await let_pass(0.1)
        assert [(one.instance, one.expected) for one in heard] == [(SHOP_0, False)]
        machine.power_off()
        with pytest.raises(Unavailable):
            await machine.hosts()
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following
        await machine.stop()

    run_virtual(story())
