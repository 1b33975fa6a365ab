"""A new leader and the history of slices: who is learnt from, when, and what is kept of one's own."""

from array import array
from math import nan

from aether.control.scaling_past import MOST_STEPS, Pasts
from aether.core.model.ids import NodeId
from aether.core.scaling.controller import History
from tests.scaling_world import ScalingWorld, load, running, scaled
from tests.worlds import SHOP

SAW = [300.0 if minute % 10 == 0 else 100.0 for minute in range(2 * MOST_STEPS)]
"""Three times the load in one minute of ten: the last minute alone never tells."""
CALM = load(100.0)


def world_with(past: list[float] | None) -> ScalingWorld:
    world = ScalingWorld(running(4, scaled(4, least=2, most=20)))
    if past is not None:
        world.pasts[SHOP] = History(array("f", past), 60.0)
    return world


async def test_what_every_node_knows_of_a_slice_teaches_a_new_leader() -> None:
    taught, ignorant = world_with(SAW), world_with(None)
    for world in (taught, ignorant):
        await world.second(CALM, times=3)
    lessons, none = taught.loop._states[SHOP].lessons, ignorant.loop._states[SHOP].lessons
    assert max(lessons.tally.weight) > 100
    assert max(none.tally.weight) == 0
    assert lessons.best != none.best


async def test_nothing_is_given_up_sooner_for_what_was_learnt() -> None:
    world = world_with([10.0] * MOST_STEPS)
    began = world.clock.at
    await world.second(load(10.0), times=290)
    state = world.loop._states[SHOP]
    assert state.since >= began
    assert SHOP not in world.control.scale


async def test_a_slice_is_learnt_from_once_a_reign() -> None:
    world = world_with(SAW)
    await world.second(CALM, times=3)
    lessons = world.loop._states[SHOP].lessons
    world.pasts[SHOP] = History(array("f", [1.0] * MOST_STEPS), 60.0)
    await world.second(CALM, times=2)
    assert world.loop._states[SHOP].lessons.tally == lessons.tally
    world.loop._forget()
    await world.second(load(1.0), times=3)
    assert world.loop._states[SHOP].lessons.tally != lessons.tally


async def test_a_history_says_nothing_before_the_capacity_of_an_instance_is_known() -> None:
    world = ScalingWorld(running(4, scaled(4, least=2, most=20, capacity_rps=None)))
    world.pasts[SHOP] = History(array("f", SAW), 60.0)
    await world.second(load(100.0, concurrency=0.0, cpu=0.0), times=3)
    assert max(world.loop._states[SHOP].lessons.tally.weight) == 0
    await world.second(load(100.0, cpu=0.5), times=3)
    assert max(world.loop._states[SHOP].lessons.tally.weight) > 100


async def test_a_reign_that_ended_begins_anew() -> None:
    pasts = Pasts(lambda _: History(array("f", [1.0]), 60.0))
    world = world_with(None)
    await world.second(CALM)
    looked, state = world.loop.judged[SHOP].looked, world.loop._states[SHOP]
    for _ in range(2):
        assert await pasts.learnt(SHOP, state, looked.seen, looked.bounds, looked.settings)
        assert pasts._done == {SHOP}
        pasts.forget()
        assert pasts._done == set()
    world.leader = NodeId("n2")
    assert not world.loop.leads


async def test_a_slice_without_a_past_is_asked_about_again() -> None:
    world = world_with(None)
    await world.second(CALM, times=3)
    world.pasts[SHOP] = History(array("f", [nan, nan]), 60.0)
    await world.second(CALM, times=3)
    world.pasts[SHOP] = History(array("f", SAW), 60.0)
    await world.second(CALM, times=2)
    assert max(world.loop._states[SHOP].lessons.tally.weight) > 100
