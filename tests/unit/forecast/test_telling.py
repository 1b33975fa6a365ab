import asyncio

from aether.core.model.ids import SliceBase
from aether.forecast.shape import LEAST_HISTORY
from aether.forecast.telling import ForecastDesk
from tests.unit.forecast.test_forecast_service import OTHER, A, Running, World, smooth, until


async def test_the_desk_tells_of_forecasts_and_their_standing() -> None:
    world = World()
    for minute in range(60):
        world.minute(smooth(minute))
    async with Running(world.service):
        world.second(smooth(60))
        await until(lambda: A in world.service.forecasts())
        desk = ForecastDesk(world.service)
        (row,) = (await desk.status())["slices"]
        assert row["slice"] == A
        assert row["steps_known"] == 60
        assert list(row["forecast"]["steps"][0]) == ["p10", "p50", "p90", "p98"]
        assert len(row["forecast"]["steps"]) == 15
        assert (await desk.status())["batches"]["made"] == 1
        (card,) = desk.scorecard()["slices"]
        assert card["error_ratio"] is not None
        assert card["compared"] is None
        assert await desk.training_data() == []


async def test_what_is_missing_for_a_forecast_is_said() -> None:
    world = World()
    world.leader = OTHER
    for minute in range(LEAST_HISTORY - 5):
        world.minute(smooth(minute))
    desk = ForecastDesk(world.service)
    (row,) = (await desk.status())["slices"]
    assert (
        row["text"] == f"{LEAST_HISTORY - 6} of {LEAST_HISTORY} steps known that a forecast needs"
    )
    assert row["forecast"] is None
    for minute in range(200):
        world.minute(smooth(minute))
    (row,) = (await desk.status())["slices"]
    assert row["text"].startswith("no forecast: the leader makes them")
    (series,) = await desk.training_data()
    assert series["rows"] == 200 + LEAST_HISTORY - 6
    assert await desk.training_data("g.x:other") == []


async def test_what_is_exported_is_the_history_of_one_moment() -> None:
    world = World()
    for minute in range(200):
        world.minute(smooth(minute))
    desk = ForecastDesk(world.service)
    async with asyncio.TaskGroup() as group:
        exporting = group.create_task(desk.training_data())
        await asyncio.sleep(0)
        for minute in range(20):
            world.minute(smooth(minute))
    assert [series["rows"] for series in exporting.result()] == [199]


async def test_the_forecast_of_every_slice_is_found() -> None:
    world = World()
    names = [SliceBase(f"g.x:s{number}") for number in range(20)]
    for name in names:
        world.rates[name] = 5.0
    for minute in range(40):
        world.minute(smooth(minute))
    async with Running(world.service):
        world.second(1.0)
        await until(lambda: len(world.service.forecasts()) == len(names) + 1)
        rows = (await ForecastDesk(world.service).status())["slices"]
    assert [row["slice"] for row in rows] == sorted([A, *names])
    assert all(row["forecast"]["age_s"] >= 0 for row in rows)
