"""The scaling loop: who decides when, pauses for people, reigns, and what is handed to the leader's loop."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from aether.control import scaling_look
from aether.control.scaling_look import Looked
from aether.control.scaling_telling import NO_ROOM, ScalingDesk
from aether.core.control.signals import ScaleWish
from aether.core.model.ids import NodeId, SliceBase
from aether.core.model.reason import Reason
from aether.core.model.records import ConfigRecord
from aether.core.model.slice_view import SliceView
from aether.core.model.view import ClusterView
from aether.tasks import Tasks
from tests.scaling_world import ScalingWorld, load, running, scaled
from tests.worlds import SHOP, nodes, target


async def until(condition: Callable[[], bool]) -> None:
    """Return once the condition holds; fail after 5 s."""
    async with asyncio.timeout(5.0):
        while not condition():  # noqa: ASYNC110 - nothing announces these conditions
            await asyncio.sleep(0)


CALM = load(60.0)
STORM = load(600.0)


async def test_load_becomes_a_wish_for_the_target_it_was_decided_on() -> None:
    world = ScalingWorld()
    await world.second(CALM, times=5)
    assert world.control.scale == {}
    await world.second(STORM, times=3)
    wish = world.control.scale[SHOP]
    assert (wish.based_on, wish.generation) == (7, 1)
    assert 2 < wish.instances <= 10
    assert wish.because.rule == "scaling.headroom"
    assert wish.because.text.startswith(f"{SHOP}: 2 → ")


async def test_the_loop_wakes_with_new_figures_and_only_the_leader_decides() -> None:
    world = ScalingWorld()
    tasks = Tasks()
    tasks.start("scaling", world.loop.run())
    try:
        world.loads.known[SHOP] = CALM
        world.loads.tell()
        await until(lambda: world.control.asked == 1)
        assert SHOP in world.loop.judged
        world.leader = NodeId("n2")
        world.loads.tell()
        await until(lambda: not world.loop.judged)
        assert world.control.asked == 1
    finally:
        await tasks.stop()


async def test_a_reign_that_ended_leaves_nothing_behind() -> None:
    world = ScalingWorld()
    await world.second(STORM, times=3)
    world.leader = None
    await world.second(STORM)
    asked = world.control.asked
    await world.second(STORM)
    assert world.control.asked == asked


async def test_missing_and_old_figures_change_nothing() -> None:
    world = ScalingWorld(running(5))
    await world.second(None, times=400)
    assert world.control.scale == {}
    assert world.loop.judged[SHOP].decision.rule == "blind"
    await world.second(load(0.0, age_s=10.0), times=400)
    assert world.control.scale == {}


async def test_what_is_not_needed_for_long_is_given_up() -> None:
    world = ScalingWorld(running(5))
    idle = load(20.0, in_flight=0, concurrency=0.2)
    await world.second(idle, times=200)
    assert world.control.scale == {}
    given_up = []
    for _ in range(400):
        await world.second(idle)
        given_up += [wish.instances for wish in world.control.scale.values()]
    assert given_up
    assert max(given_up) < 5


async def test_a_persons_number_is_let_be_for_a_while() -> None:
    manual = replace(scaled(2), scaled_by="operator")
    world = ScalingWorld(running(2, manual))
    await world.second(STORM, times=599)
    assert world.control.scale == {}
    assert "set by hand" in world.loop.judged[SHOP].looked.bounds.held
    await world.second(STORM, times=5)
    assert world.control.scale[SHOP].instances > 2


async def test_a_persons_next_number_begins_the_pause_anew() -> None:
    manual = replace(scaled(2), scaled_by="operator")
    world = ScalingWorld(running(2, manual))
    await world.second(STORM, times=400)
    world.control.seen = running(2, manual, revision=9)
    await world.second(STORM, times=400)
    assert world.control.scale == {}


async def test_the_pause_and_scaling_itself_are_settings() -> None:
    manual = replace(scaled(2), scaled_by="operator")
    view = running(2, manual)
    config = {(f"slice/{SHOP}", "scaling.manual_pause_s"): ConfigRecord(value=5)}
    world = ScalingWorld(replace(view, config=config))
    await world.second(STORM, times=8)
    assert SHOP in world.control.scale
    off = {("cluster", "scaling.enabled"): ConfigRecord(value="off")}
    world.control.seen = replace(view, config={**config, **off})
    await world.second(STORM, times=3)
    assert world.control.scale == {}
    assert "scaling.enabled" in world.loop.judged[SHOP].looked.bounds.held


async def test_a_slice_whose_blueprint_names_no_bounds_is_never_looked_at() -> None:
    world = ScalingWorld(running(2, target(instances=2)))
    await world.second(STORM, times=5)
    assert (world.loop.judged, world.control.scale) == ({}, {})
    (row,) = ScalingDesk(world.loop, world.control).status()["slices"]
    assert (row["scaled"], row["text"]) == (False, NO_ROOM)


async def test_decisions_are_kept_once_and_can_be_made_again() -> None:
    world = ScalingWorld()
    await world.second(CALM, times=5)
    await world.second(STORM, times=20)
    desk = ScalingDesk(world.loop, world.control)
    found = desk.decisions(SHOP, 100)
    assert len(found) < 15, "a decision that is made again while it is carried out is kept once"
    assert [one["number"] for one in found] == sorted(
        (one["number"] for one in found), reverse=True
    )
    assert {one["kind"] for one in found} >= {"hold", "up"}
    assert all(one["replayed"] for one in found)
    assert len(desk.decisions(SHOP, 1)) == 1
    assert desk.decisions(None, 100) == found


async def test_evaluating_changes_nothing() -> None:
    world = ScalingWorld()
    await world.second(CALM, times=3)
    before = world.control.asked
    desk = ScalingDesk(world.loop, world.control)
    first, second = await desk.evaluate(), await desk.evaluate()
    assert first == second
    (one,) = first["slices"]
    assert (one["slice"], one["kind"]) == (SHOP, "hold")
    assert one["inputs"]["target"] == 2
    assert world.control.asked == before


async def test_advice_is_carried_out_once_and_kept_as_the_least() -> None:
    world = ScalingWorld()
    await world.second(CALM, times=2)
    advice = ScaleWish(
        instances=4, based_on=7, generation=1, because=Reason("", "scaling.advisor", "noon")
    )
    world.loop.advise(SHOP, advice, 60.0)
    await world.second(CALM)
    assert world.control.scale[SHOP].instances == 4
    world.control.seen = running(4, scaled(4))
    await world.second(CALM, times=30)
    assert world.control.scale == {}
    assert world.loop.judged[SHOP].looked.bounds.minimum == 4
    await world.second(CALM, times=60)
    assert world.loop.judged[SHOP].looked.bounds.minimum == 2


async def test_a_slice_that_goes_is_forgotten() -> None:
    world = ScalingWorld()
    await world.second(CALM, times=2)
    world.control.seen = ClusterView()
    await world.second()
    assert world.loop.judged == {}
    world.control.seen = running(2, view=nodes("n1"))
    await world.second(CALM)
    assert world.loop.judged[SHOP].decision.kind == "hold"


OTHER = SliceBase("org.example:other")


async def test_a_slice_that_cannot_be_decided_on_leaves_the_others_scaled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = ScalingWorld(running(2, record=None))
    view = world.control.seen
    world.control.seen = replace(view, targets={**view.targets, OTHER: view.targets[SHOP]})
    await world.second(CALM)
    assert list(world.loop.judged) == [OTHER, SHOP]
    decide = scaling_look.look_at

    def broken(view: ClusterView, one: SliceView, *rest: Any) -> Looked:
        if one.base == OTHER:
            raise ZeroDivisionError("no instances")
        return decide(view, one, *rest)

    monkeypatch.setattr("aether.control.scaling.look_at", broken)
    with capture_logs() as logs:
        await world.second(STORM, times=3)
    assert SHOP in world.control.scale
    assert list(world.loop.judged) == [SHOP]
    assert [entry["slice"] for entry in logs if entry["log_level"] == "error"] == [OTHER]
    monkeypatch.undo()
    await world.second(STORM)
    assert list(world.loop.judged) == [OTHER, SHOP]


async def test_the_ring_of_decisions_begins_empty_with_each_reign() -> None:
    world = ScalingWorld()
    await world.second(CALM, times=3)
    first = [taken.number for taken in world.loop.decisions.newest_first()]
    world.loop._forget()
    assert list(world.loop.decisions.newest_first()) == []
    await world.second(CALM, times=3)
    assert [taken.number for taken in world.loop.decisions.newest_first()] == first == [1]


async def test_evaluating_begins_no_pause() -> None:
    manual = replace(scaled(2), scaled_by="operator")
    world = ScalingWorld(running(2, manual))
    world.loads.known[SHOP] = STORM
    (judged,) = (await world.loop.evaluate()).values()
    assert "set by hand" in judged.looked.bounds.held
    assert world.loop._manual == {}
