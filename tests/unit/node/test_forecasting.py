from aether.core.metrics.catalogue import CATALOGUE
from aether.node.forecasting import sources_of
from tests.unit.forecast.test_forecast_service import OTHER, A, Running, World, smooth, until


async def test_every_metric_of_forecasts_is_told_by_the_leader_and_by_nobody_else() -> None:
    world = World()
    for minute in range(80):
        world.minute(smooth(minute))
    sources = sources_of(world.service)
    assert sorted(sources) == sorted(name for name in CATALOGUE if name.startswith("forecast."))
    async with Running(world.service):
        world.second(smooth(80))
        await until(lambda: A in world.service.forecasts())
        told = {name: dict(source()) for name, source in sources.items()}
        for name, values in told.items():
            assert list(values) == ["" if CATALOGUE[name].about == "cluster" else A], name
        assert told["forecast.slices"] == {"": 1.0}
        assert 0 < told["forecast.cpu"][""] < 1
        world.leader = OTHER
        world.second(smooth(80))
        await until(lambda: not world.service.trust)
        assert all(not dict(source()) for source in sources.values())
