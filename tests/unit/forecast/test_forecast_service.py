import asyncio
import math
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil
import pytest
from structlog.testing import capture_logs

from aether.control.scaling_look import Looked
from aether.core.metrics.aggregate import SliceLoad
from aether.core.model.ids import NodeId, SliceBase
from aether.core.scaling.bounds import Bounds
from aether.core.scaling.observation import Observation
from aether.core.scaling.settings import ScalingSettings
from aether.core.scaling.trust import FEWEST_SCORED
from aether.forecast import process, service
from aether.forecast.card import ModelUnusable
from aether.forecast.process import ModelFailed, ModelProcess
from aether.forecast.runtime import OnnxForecaster
from aether.forecast.service import ForecastGround, ForecastService
from aether.forecast.telling import ForecastDesk
from aether.node.told_of_leader import forecast_seen

ME, OTHER = NodeId("node-1"), NodeId("node-2")
A = SliceBase("g.x:a")
STEP_S = 60.0
LOOK_S = 0.005


class World:
    """Loads, a clock and a leader, all as the test says."""

    def __init__(self, file: Path | None = None, model: Path | None = None) -> None:
        self.leader: NodeId | None = ME
        self.at = 6000.0
        self.wanted = True
        self.rates: dict[SliceBase, float | None] = {}
        self._callbacks: list[Callable[[], None]] = []
        self.service = self.again(file, model)

    def again(self, file: Path | None, model: Path | None = None) -> ForecastService:
        ground = ForecastGround(
            node=ME,
            leader=lambda: self.leader,
            loads=self,
            clock=self,
            step_s=STEP_S,
            model=model,
            file=file,
            wanted=lambda: self.wanted,
            wall=lambda: self.at + 1e6 * STEP_S,
        )
        return ForecastService(ground)

    def now(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0 * seconds)

    def loads(self) -> Mapping[SliceBase, SliceLoad]:
        return {
            base: SliceLoad(base, 0, rate, 1, 1.0, 0, None, None, None, None, None, 1, 0)
            for base, rate in self.rates.items()
        }

    def subscribe(self, callback: Callable[[], None]) -> None:
        self._callbacks.append(callback)

    def second(self, rate: float | None) -> None:
        self.rates[A] = rate
        for callback in self._callbacks:
            callback()
        self.at += 1

    def minute(self, rate: float) -> None:
        for _ in range(60):
            self.second(rate)


def smooth(minute: int) -> float:
    return 100 + 50 * math.sin(minute / 20)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - what is waited for is a state, bounded above
            await asyncio.sleep(LOOK_S)


class Running:
    """A service that runs until the block ends."""

    def __init__(self, service: ForecastService) -> None:
        self._service = service

    async def __aenter__(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._service.run())
        await until(lambda: "not been looked at" not in self._service.problem)

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


def kill_models() -> None:
    """Kill the processes of models that this one has started."""
    for child in psutil.Process().children():
        if "aether.forecast.worker" in child.cmdline():
            child.kill()


async def batch(world: World, minute: int) -> None:
    """Let a minute go by, until its forecasts were asked for."""
    forecaster = world.service.forecaster
    assert forecaster is not None
    made = forecaster.counts.batches
    world.minute(smooth(minute))
    await until(lambda: forecaster.counts.batches > made)
    await asyncio.sleep(LOOK_S)


async def next_reign(world: World) -> None:
    """Have another node lead for a while, and then this one again."""
    world.leader = OTHER
    world.second(1.0)
    await until(lambda: not world.service._led)
    world.leader = ME
    world.second(1.0)


def begun(minutes: int) -> World:
    """A world with so many minutes of smooth traffic behind it."""
    world = World()
    for minute in range(minutes):
        world.minute(smooth(minute))
    return world


async def test_a_node_that_comes_to_lead_forecasts_at_once_and_trusts_what_the_past_shows() -> None:
    world = World()
    world.leader = OTHER
    for minute in range(150):
        world.minute(smooth(minute))
    async with Running(world.service):
        assert world.service.forecasts() == {}
        world.leader = ME
        world.second(smooth(150))
        await until(lambda: A in world.service.forecasts())
        made = world.service.forecasts()[A]
        assert made.trusted
        assert made.fresh(world.now())
        assert 0.8 < made.quantiles[0][1] / smooth(151) < 1.2
        assert world.service.trust[A].scored >= FEWEST_SCORED
        world.leader = OTHER
        assert world.service.forecasts() == {}


async def test_a_forecast_a_step_and_each_is_scored_when_its_time_has_come() -> None:
    world = begun(40)
    async with Running(world.service):
        world.second(smooth(40))
        await until(lambda: A in world.service.forecasts())
        first, scored = world.service.forecasts()[A], world.service.trust[A].scored
        world.second(smooth(40))
        await asyncio.sleep(0)
        assert world.service.forecasts()[A] is first
        world.minute(smooth(41))
        await until(lambda: world.service.forecasts()[A] is not first)
        assert world.service.forecasts()[A].made_at == first.made_at + STEP_S
        assert world.service.trust[A].scored == scored + 1


async def test_the_models_process_ends_with_the_reign_and_the_next_reign_has_another() -> None:
    world = begun(40)
    async with Running(world.service):
        world.second(smooth(40))
        await until(lambda: A in world.service.forecasts())
        first = world.service.forecaster
        world.leader = OTHER
        world.second(smooth(40))
        await until(lambda: world.service.forecaster is None)
        world.leader = ME
        world.second(smooth(40))
        await until(lambda: A in world.service.forecasts())
        assert world.service.forecaster is not first


async def test_a_process_that_dies_costs_no_more_than_the_forecasts_of_its_batch() -> None:
    world = begun(40)
    async with Running(world.service):
        world.second(smooth(40))
        await until(lambda: A in world.service.forecasts())
        before = world.service.forecasts()[A]
        kill_models()
        world.minute(smooth(41))
        await until(lambda: A not in world.service.forecasts())
        forecaster = world.service.forecaster
        assert forecaster is not None
        assert forecaster.counts.failed == 1
        async with asyncio.timeout(60):
            while A not in world.service.forecasts():
                await batch(world, 42)  # the first one after it starts a process, and may be late
        assert world.service.forecasts()[A] is not before


async def test_a_process_that_could_not_be_started_is_started_when_the_next_step_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried = list[None]()

    def broken(_: ModelProcess) -> None:
        tried.append(None)
        raise ModelFailed("no memory for it")

    monkeypatch.setattr(ModelProcess, "start", broken)
    world = begun(40)
    world.second(smooth(40))  # a step begins with it: no other ends before the next minute
    async with Running(world.service):
        await until(lambda: "before the next step" in world.service.problem)
        assert "no memory for it" in world.service.problem
        for _ in range(3):
            world.second(smooth(40))
            await asyncio.sleep(LOOK_S)
        assert len(tried) == 1
        monkeypatch.undo()
        world.minute(smooth(41))
        await until(lambda: A in world.service.forecasts())
        assert world.service.problem == ""


async def test_a_model_given_up_is_looked_at_again_with_the_next_reign(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(_: ModelProcess) -> None:
        raise ModelUnusable("numpy is not installed")

    world = begun(40)
    monkeypatch.setattr(ModelProcess, "start", broken)
    async with Running(world.service):
        world.second(smooth(40))
        await until(lambda: "numpy is not installed" in world.service.problem)
        monkeypatch.undo()
        assert world.service.card is None
        await next_reign(world)
        await until(lambda: A in world.service.forecasts())
        assert world.service.problem == ""
        assert world.service.card is not None


async def test_a_model_that_could_not_be_read_for_a_shortage_is_read_when_the_next_step_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried = list[None]()

    async def short(*_: object) -> str:
        tried.append(None)
        raise ModelFailed("too many open files")

    world = begun(40)
    world.second(smooth(40))
    with monkeypatch.context() as patch:
        patch.setattr(service, "check_model", short)
        async with Running(world.service):
            await until(lambda: len(tried) == 2)
            for _ in range(3):
                world.second(smooth(40))
                await asyncio.sleep(LOOK_S)
            assert "before the next step, scaling is reactive only: too many" in (
                world.service.problem
            )
            assert len(tried) == 2, "at the node's start and at that of its reign"
            patch.undo()
            world.minute(smooth(41))
            await until(lambda: A in world.service.forecasts())
            assert world.service.problem == ""


async def test_a_process_that_cannot_be_started_again_is_told_until_a_batch_goes_well(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = begun(40)
    async with Running(world.service):
        world.second(smooth(40))
        await until(lambda: A in world.service.forecasts())
        assert forecast_seen(world.service).ready
        with monkeypatch.context() as patch:
            patch.setattr(process, "_PROGRAM", ("/nowhere/python",))
            kill_models()
            minute = iter(range(41, 200))
            await batch(world, next(minute))
            await until(lambda: "the model's process: " in world.service.problem)
            await batch(world, next(minute))
            await until(lambda: "cannot be started" in world.service.problem)
            assert "no forecasts before the next step" in world.service.problem
            assert not forecast_seen(world.service).ready
        async with asyncio.timeout(60):
            while A not in world.service.forecasts():
                await batch(world, next(minute))
        assert world.service.problem == ""


async def test_a_step_that_ends_while_trust_is_learnt_is_learnt_as_well(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    late, aside = begun(80), OnnxForecaster.aside
    late.second(smooth(80))
    late.minute(smooth(80))
    late.second(smooth(81))
    async with Running(late.service):
        await until(lambda: A in late.service.forecasts())
        expected = late.service.trust[A]
    world, ends = begun(80), [None]
    world.second(smooth(80))

    async def takes_long(self: OnnxForecaster, work: Callable[[], object]) -> object:
        found = await aside(self, work)
        if "learn" in work.__qualname__ and ends:
            ends.pop()
            world.minute(smooth(80))
            world.second(smooth(81))
        return found

    monkeypatch.setattr(OnnxForecaster, "aside", takes_long)
    async with Running(world.service):
        await until(lambda: A in world.service.forecasts())
        found = world.service.trust[A]
        assert not ends
        assert found.scored == expected.scored
        assert found.ratio == pytest.approx(expected.ratio, rel=1e-4)


async def test_what_nobody_foresaw_while_trust_is_learnt_is_told_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(service, "taught", broken)
    world = begun(80)
    with capture_logs() as logs:
        async with Running(world.service):
            world.second(smooth(80))
            await until(lambda: A in world.service.forecasts())
            for _ in range(3):
                world.second(smooth(80))
                await asyncio.sleep(LOOK_S)
    assert not world.service.trust or not world.service.trust[A].trusted
    assert [log["log_level"] for log in logs if log.get("exc_info")] == ["error"]


async def test_a_past_that_cannot_be_forecast_again_begins_trust_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object) -> None:
        raise ModelFailed("the process died")

    monkeypatch.setattr(OnnxForecaster, "predict_past", broken)
    world = begun(80)
    async with Running(world.service):
        world.second(smooth(80))
        await until(lambda: A in world.service.forecasts())
        assert not world.service.forecasts()[A].trusted


async def test_switched_off_nothing_is_forecast_nor_loaded() -> None:
    world = World()
    world.wanted = False
    for minute in range(40):
        world.minute(smooth(minute))
    async with Running(world.service):
        world.second(1.0)
        await asyncio.sleep(0)
        assert world.service.forecaster is None
        world.wanted = True
        world.second(1.0)
        await until(lambda: A in world.service.forecasts())


async def test_a_broken_model_leaves_a_node_that_runs_and_says_why(tmp_path: Path) -> None:
    world = World(model=tmp_path)
    for minute in range(40):
        world.minute(smooth(minute))
    async with Running(world.service):
        world.second(1.0)
        await until(lambda: "reactive only" in world.service.problem)
        assert world.service.forecasts() == {}
        status = await ForecastDesk(world.service).status()
        assert status["model"] is None
        assert "card.json" in status["problem"]


async def test_the_history_outlives_the_node_with_a_gap_for_the_time_away(tmp_path: Path) -> None:
    file = tmp_path / "forecast" / "history"
    world = World(file)
    world.leader = OTHER
    async with Running(world.service):
        for minute in range(40):
            world.minute(smooth(minute))
    before = world.service.history.course(A)
    world.at += 5 * STEP_S
    again = world.again(file)
    async with Running(again):
        found = again.history.course(A)
        assert found[: len(before)].tobytes() == before.tobytes()
        assert len(found) == len(before) + 1 + 5, "the step that ran, and five more"


async def test_a_broken_history_begins_anew(tmp_path: Path) -> None:
    file = tmp_path / "history"
    file.write_bytes(b"rubbish")
    world = World(file)
    async with Running(world.service):
        assert world.service.history.courses() == {}
    assert file.read_bytes() != b"rubbish"


async def test_what_comes_while_the_history_is_read_does_not_take_its_place(tmp_path: Path) -> None:
    file = tmp_path / "history"
    world = World(file)
    world.leader = OTHER
    async with Running(world.service):
        for minute in range(40):
            world.minute(smooth(minute))
    kept = len(world.service.history.course(A))
    again = world.again(file)
    world.second(1.0)  # told before the file is read
    async with Running(again):
        assert len(again.history.course(A)) > kept


async def test_a_file_or_a_model_nobody_can_read_leaves_a_node_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the disk is on fire")

    monkeypatch.setattr(service, "_read", broken)
    monkeypatch.setattr(service, "check_model", broken)
    world = World(tmp_path / "history")
    async with Running(world.service):
        assert "reactive only: the disk is on fire" in world.service.problem
        world.second(1.0)
        world.second(1.0)
        assert world.service.history.ended_at is not None


def watched() -> Looked:
    seen = Observation(
        at=0.0, ready=2, starting=0, target=2, rate=10.0, in_flight=1.0, queue=0.0,
        utilisation=0.5, p95_s=None, error_share=None, capacity_rps=100.0, startup_s=None,
    )  # fmt: skip
    bounds = Bounds(minimum=1, maximum=5, room=5)
    return Looked(seen=seen, bounds=bounds, settings=ScalingSettings())


async def test_shadows_end_with_the_reign_and_with_their_slice_also_without_a_model(
    tmp_path: Path,
) -> None:
    world = World(model=tmp_path)
    now = {A: watched(), SliceBase("g.x:b"): watched()}
    world.service.watched = lambda: now
    async with Running(world.service):
        world.second(1.0)
        await until(lambda: len(world.service.shadows.all()) == 2)
        del now[A]
        world.second(1.0)
        await until(lambda: list(world.service.shadows.all()) == ["g.x:b"])
        world.leader = OTHER
        world.second(1.0)
        await until(lambda: not world.service.shadows.all())
    assert world.service.card is None
