from aether.core.metrics.catalogue import CATALOGUE
from aether.node.forecasting import sources_of, with_capacity
from tests.scaling_world import ScalingWorld, load, running, scaled
from tests.unit.forecast.test_forecast_service import OTHER, A, Running, World, smooth, until
from tests.worlds import SHOP


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


async def test_what_is_compared_has_the_measured_capacity_where_none_is_stated() -> None:
    for stated, expected in ((None, True), (100.0, False)):
        world = ScalingWorld(running(2, scaled(2, capacity_rps=stated)))
        await world.second(load(100.0, cpu=0.5), times=5)
        one = world.loop.judged[SHOP]
        measured = one.decision.asked.capacity
        assert measured
        assert (one.looked.seen.capacity_rps is None) == expected
        watched = with_capacity(one)
        assert watched.seen.capacity_rps == (stated or measured)
        assert watched.bounds is one.looked.bounds
