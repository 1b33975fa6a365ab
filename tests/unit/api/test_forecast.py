import dataclasses

from aether.api.service import Api
from aether.core.model.ids import NodeId
from aether.forecast.telling import ForecastDesk
from tests.api_world import ApiWorld
from tests.unit.forecast.test_forecast_service import A, World, smooth


async def started() -> tuple[ApiWorld, World]:
    loads = World()
    for minute in range(200):
        loads.minute(smooth(minute))
    world = ApiWorld()
    await world.start()
    world.api = Api(dataclasses.replace(world.context, forecast=ForecastDesk(loads.service)))
    return world, loads


async def test_status_and_scorecard_are_the_leaders() -> None:
    world, _ = await started()
    status = (await world.call("GET", "forecast/status")).json()
    assert (status["leader"], status["step_s"]) == ("node-1", 60.0)
    assert status["slices"][0]["slice"] == A
    card = (await world.call("GET", "forecast/scorecard")).json()
    assert card["slices"] == []
    world.oracle.cut_off(NodeId("node-1"))
    for path in ("forecast/status", "forecast/scorecard"):
        assert (await world.call("GET", path)).status == 503
    await world.stop()


async def test_training_data_is_a_manifest_and_files_of_any_node() -> None:
    world, _ = await started()
    answer = (await world.call("GET", "forecast/training-data")).json()
    (item,) = answer["items"]
    assert (item["slice"], item["rows"], item["licence"]) == (A, 199, "own data")
    assert len(item["csv"].splitlines()) == 200
    none = (await world.call("GET", "forecast/training-data?slice=g.x:other")).json()
    assert none["items"] == []
    assert (await world.call("GET", "forecast/training-data?slice=nonsense")).status == 422
    await world.stop()


async def test_a_node_that_measures_nothing_says_so() -> None:
    world = ApiWorld()
    await world.start()
    answer = await world.call("GET", "forecast/status")
    assert answer.status == 503
    assert "forecasts nothing" in answer.json()["detail"]
    await world.stop()
