"""A simulated provider has one machine come up for one name, whoever asks."""

import asyncio

import pytest

from aether.core.model.ids import NodeId
from aether.core.model.records import TopologyRecord
from aether.errors import Unavailable
from aether_forge.sim.control import provider
from aether_forge.sim.control.provider import SLOWEST_BOOT_S
from aether_forge.sim.control.world import World
from aether_forge.sim.loop import let_pass
from aether_forge.sim.owners import run_owned
from tests.unit.sim_control.small import settings

N4 = NodeId("node-4")


def in_a_bare_world(most: int, monkeypatch: pytest.MonkeyPatch, fails: float) -> World:
    monkeypatch.setattr(provider, "FAILS", fails)

    async def story() -> World:
        given = settings()
        given.topology = TopologyRecord(nodes=3, max_nodes=most)
        world = World(given)
        try:
            asked = [world.provider.provide(N4) for _ in range(3)]
            failed = await asyncio.gather(*asked, return_exceptions=True)
            assert all(isinstance(one, Unavailable) == (fails == 1.0) for one in failed)
            await let_pass(SLOWEST_BOOT_S + 1.0)
            await world.provider.provide(N4)
        except Unavailable:
            pass
        finally:
            await world.stop()
        return world

    return run_owned(story())


def test_one_name_is_one_machine_that_runs_and_does_not_vote(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = in_a_bare_world(4, monkeypatch, fails=0.0)
    assert list(world.nodes) == ["node-1", "node-2", "node-3", N4]
    assert world.nodes[N4].lives == 1
    (member,) = (one for one in world.quorum.members() if one.node == N4)
    assert not member.voter
    assert world.violations == []


def test_a_provider_without_machines_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    world = in_a_bare_world(4, monkeypatch, fails=1.0)
    assert N4 not in world.nodes
    assert world.counts["no machine was free"] == 4


def test_more_machines_than_there_may_be_are_a_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    world = in_a_bare_world(3, monkeypatch, fails=0.0)
    assert "machine number 4" in world.violations[0]
