"""Whole clusters of real managers in virtual time: storms, and what must hold after them."""

from collections import Counter
from dataclasses import replace

import pytest

from aether.core.control.liveness import may_host
from aether.core.control.status import blueprint_status
from aether.core.model import keys
from aether.core.model.ids import NodeId
from aether.core.model.records import encode
from aether.core.store.commands import Delete, Put
from aether_forge.sim.cluster import SimulatedCluster
from aether_forge.sim.hosts import HostWeather
from aether_forge.sim.loop import VirtualClock, let_pass, run_virtual
from tests.worlds import APP, SHOP, STOCK, nodes, spec, with_artifact, with_blueprint

CLOCK = VirtualClock()
SMOKE_SEEDS = range(25)


async def wait_deployed(cluster: SimulatedCluster, within_s: float) -> float:
    """Wait until the blueprint is whole; return how long that took in virtual seconds."""
    began = CLOCK.now()
    while CLOCK.now() - began < within_s:
        status = blueprint_status(cluster.view(), APP)
        if status is not None and status.state == "DEPLOYED":
            return CLOCK.now() - began
        await let_pass(0.25)
    raise AssertionError(f"not whole after {within_s} s: {blueprint_status(cluster.view(), APP)}")


async def deploy(cluster: SimulatedCluster, shops: int = 3) -> None:
    while not all(may_host(cluster.view(), name) for name in cluster.nodes):
        await let_pass(0.25)
    known = with_artifact(nodes(), f"{STOCK}:1.0.0")
    known = with_artifact(known, f"{SHOP}:1.0.0", needs=[STOCK])
    for record in known.artifacts.values():
        await cluster.push(record)
    applied = with_blueprint(
        nodes(), spec(f"{SHOP}:1.0.0", shops, [STOCK]), spec(f"{STOCK}:1.0.0", 2)
    )
    await cluster.write(Put(keys.blueprint(APP), encode(applied.blueprints[APP])))


def check_truth(cluster: SimulatedCluster) -> None:
    """What the store says and what runs are the same thing."""
    view = cluster.view()
    said = {placed for placed in view.phases if view.is_active(placed)}
    runs = {
        (name, host.instance)
        for name, node in cluster.nodes.items()
        for host in node.launcher.live.values()
        if host.state == "active"
    }
    assert said == runs
    assert not view.unreadable


def test_a_blueprint_is_deployed_in_order_and_spread() -> None:
    async def story() -> None:
        cluster = SimulatedCluster(seed=1, nodes=3)
        await cluster.start()
        await deploy(cluster)
        await wait_deployed(cluster, 30)
        check_truth(cluster)
        shops = Counter(
            node for instance, node in cluster.running().items() if instance.base == SHOP
        )
        assert sorted(shops.values()) == [1, 1, 1]
        await cluster.stop()

    run_virtual(story())


@pytest.mark.parametrize("victim", ["leader", "follower"])
def test_a_killed_node_is_replaced_within_fifteen_seconds_and_gets_instances_back(
    victim: str,
) -> None:
    async def story() -> None:
        cluster = SimulatedCluster(seed=2, nodes=3)
        await cluster.start()
        await deploy(cluster)
        await wait_deployed(cluster, 30)
        leader = next(iter(cluster.nodes.values())).store.leader
        names = [name for name in cluster.nodes if (name == leader) == (victim == "leader")]
        await cluster.nodes[names[0]].kill()
        while cluster.view().verdicts[names[0]].verdict != "LOST":
            await let_pass(0.25)
        assert await wait_deployed(cluster, 15) < 10
        assert all(node != names[0] for _, node in cluster.running().items())
        await cluster.nodes[names[0]].start()
        await let_pass(60)
        await wait_deployed(cluster, 30)
        assert names[0] in cluster.running().values()
        check_truth(cluster)
        await cluster.stop()

    run_virtual(story())


def test_all_nodes_killed_come_back_by_themselves() -> None:
    async def story() -> None:
        cluster = SimulatedCluster(seed=3, nodes=3)
        await cluster.start()
        await deploy(cluster)
        await wait_deployed(cluster, 30)
        for node in cluster.nodes.values():
            await node.kill()
        await let_pass(20)
        await cluster.start()
        await let_pass(2)
        await wait_deployed(cluster, 30)
        check_truth(cluster)
        await cluster.stop()

    run_virtual(story())


def test_a_deleted_blueprint_leaves_no_host_and_no_key() -> None:
    async def story() -> None:
        cluster = SimulatedCluster(seed=4, nodes=3)
        await cluster.start()
        await deploy(cluster)
        await wait_deployed(cluster, 30)
        await cluster.write(Delete(keys.blueprint(APP)))
        began = CLOCK.now()
        while blueprint_status(cluster.view(), APP) is not None:
            assert CLOCK.now() - began < 60
            await let_pass(0.25)
        view = cluster.view()
        assert not cluster.running()
        assert [*view.wanted, *view.phases, *view.routes, *view.targets] == []
        await cluster.stop()

    run_virtual(story())


@pytest.mark.parametrize("seed", range(5, 9))
def test_a_node_that_keeps_its_hosts_through_two_restarts_keeps_them_serving(seed: int) -> None:
    async def story() -> None:
        cluster = SimulatedCluster(seed, nodes=3)
        await cluster.start()
        await deploy(cluster)
        await wait_deployed(cluster, 30)
        node = cluster.nodes[NodeId("node-2")]
        hosts = dict(node.launcher.live)
        for _ in range(2):
            await node.kill(hosts_live_on=True)
            await let_pass(0.5)
            await node.start()
        await let_pass(2)
        await wait_deployed(cluster, 10)
        assert {host.pid for host in hosts.values()} == {
            host.pid for host in node.launcher.live.values()
        }
        await cluster.stop()

    run_virtual(story())


@pytest.mark.parametrize("seed", SMOKE_SEEDS)
def test_after_a_storm_every_target_is_met(seed: int) -> None:
    async def story() -> None:
        weather = HostWeather(slowest_step_s=3.0, step_fails=0.05)
        cluster = SimulatedCluster(seed, nodes=5, weather=weather)
        dice = cluster.dice("storm")
        await cluster.start()
        await deploy(cluster, shops=6)
        for _ in range(12):
            await let_pass(dice.uniform(0.1, 8.0))
            node = dice.choice(list(cluster.nodes.values()))
            if not node.is_up:
                await node.start()
            elif dice.random() < 0.5 and node.launcher.live:
                node.launcher.crash(dice.choice(sorted(node.launcher.live)))
            elif sum(peer.is_up for peer in cluster.nodes.values()) > 3:
                await node.kill()
        for node in cluster.nodes.values():
            if not node.is_up:
                await node.start()
        cluster.change_weather(replace(weather, step_fails=0.0))
        await let_pass(30)
        await wait_deployed(cluster, 300)
        check_truth(cluster)
        await cluster.stop()

    run_virtual(story())
