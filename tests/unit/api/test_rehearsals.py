"""Rehearsals take turns, in a thread, and are remembered for a while."""

import asyncio
import threading
from dataclasses import replace
from typing import Any

import pytest

from aether.api import rehearsals
from aether.api.problems import Overloaded
from aether.api.rehearsals import MOST_WAITING, Rehearsals
from aether.core.control.rehearsal import rehearse
from aether.core.control.rehearsal_nodes import Pace
from aether.core.control.rehearsal_outcome import Rehearsal
from aether.core.control.signals import ControlSettings
from aether.core.model import keys
from aether.core.model.ids import Artifact
from aether.core.model.records import BlueprintRecord, ConfigRecord, encode
from aether.core.model.view import ClusterView
from aether.core.store.commands import Put
from tests.worlds import APP, SHOP, nodes, spec, with_artifact

SHOP_1 = f"{SHOP}:1.0.0"
DEADLINE_S = 10.0


class Held:
    """Work that lasts until it is let go."""

    def __init__(self) -> None:
        self.began, self.let_go = threading.Event(), threading.Event()
        self.thread = ""

    def __call__(self) -> str:
        self.thread = threading.current_thread().name
        self.began.set()
        assert self.let_go.wait(DEADLINE_S)
        return "done"


async def begun(held: Held) -> None:
    assert await asyncio.to_thread(held.began.wait, DEADLINE_S)


async def test_work_runs_in_a_thread_one_at_a_time() -> None:
    stage = Rehearsals(turn_s=DEADLINE_S)
    first, second = Held(), Held()
    second.let_go.set()
    async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as group:
        one = group.create_task(stage.in_turn(first))
        await begun(first)
        other = group.create_task(stage.in_turn(second))
        await asyncio.sleep(0)
        assert not second.began.is_set()
        first.let_go.set()
    assert (one.result(), other.result()) == ("done", "done")
    assert first.thread != threading.current_thread().name


async def test_who_waits_too_long_and_one_too_many_are_refused() -> None:
    stage = Rehearsals(turn_s=0.05)
    held = Held()
    async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as group:
        group.create_task(stage.in_turn(held))
        await begun(held)
        with pytest.raises(Overloaded, match=r"took longer than 0\.05 s"):
            await stage.in_turn(Held())
        stage.turn_s = DEADLINE_S
        waiting = [group.create_task(stage.in_turn(lambda: "late")) for _ in range(MOST_WAITING)]
        await asyncio.sleep(0)
        with pytest.raises(Overloaded, match="wait to be made already"):
            await stage.in_turn(Held())
        held.let_go.set()
    assert [task.result() for task in waiting] == ["late"] * MOST_WAITING


async def test_a_caller_who_goes_away_leaves_the_turn_when_the_work_ends() -> None:
    stage = Rehearsals(turn_s=DEADLINE_S)
    held = Held()
    async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as group:
        caller = group.create_task(stage.in_turn(held))
        await begun(held)
        caller.cancel()
        next_one = group.create_task(stage.in_turn(lambda: "mine"))
        await asyncio.sleep(0)
        assert not next_one.done()
        held.let_go.set()
    assert caller.cancelled()
    assert next_one.result() == "mine"


async def test_work_that_fails_gives_the_turn_back() -> None:
    stage = Rehearsals(turn_s=DEADLINE_S)

    def broken() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await stage.in_turn(broken)
    assert await stage.in_turn(lambda: 1) == 1


async def test_the_last_outlines_are_remembered_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rehearsals, "KEPT_PLANS", 2)
    stage = Rehearsals()
    view = with_artifact(nodes("n1"), SHOP_1)

    def change(instances: int) -> list[Put]:
        specs = (spec(SHOP_1, instances),)
        record = BlueprintRecord(id=Artifact(f"{APP}:1.0.0"), generation=1, slices=specs)
        return [Put(keys.blueprint(APP), encode(record))]

    found = [await stage.rehearse(view, change(number)) for number in (1, 2, 3)]
    assert stage.outline(found[0].digest) is None
    assert stage.outline(found[1].digest) == found[1].outline
    assert stage.outline(found[2].digest) == found[2].outline
    await stage.rehearse(view, change(2))
    await stage.rehearse(view, change(1))
    assert stage.outline(found[1].digest) is not None
    monkeypatch.setattr(rehearsals, "KEPT_SENTENCES", 1)
    latest = await stage.rehearse(view, change(3))
    assert stage.outline(latest.digest) is not None
    assert stage.outline(found[1].digest) is None


async def test_plans_are_made_with_the_settings_in_force(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[ControlSettings] = []

    def watched(
        view: ClusterView, changes: Any, settings: ControlSettings, pace: Pace
    ) -> Rehearsal:
        seen.append(settings)
        return rehearse(view, changes, settings, pace)

    monkeypatch.setattr(rehearsals, "rehearse", watched)
    stage = Rehearsals(ControlSettings(tries_per_node=7))
    longer = {("cluster", "control.settle_s"): ConfigRecord(value=9)}
    await stage.rehearse(replace(nodes("n1"), config=longer), ())
    await stage.rehearse(nodes("n1"), ())
    assert [(each.settle_s, each.tries_per_node) for each in seen] == [(9, 7), (3.0, 7)]
