"""What the rules see and want becomes series of the leader."""

from aether.telemetry.exposition.scaling import Scaled, ScalingSeen, scaling_source
from tests.exposition_world import told


async def test_what_is_not_known_is_absent() -> None:
    seen = ScalingSeen(
        slices=[
            Scaled(slice="a:b", wanted=3, utilisation=0.5, capacity=40.0, held=True),
            Scaled(slice="a:c", wanted=1, utilisation=None, capacity=None, held=False),
        ],
        decisions=7,
    )
    values = await told(scaling_source(lambda: seen))
    assert values["aether_scaling_wanted_instances"] == {("a:b",): 3, ("a:c",): 1}
    assert values["aether_scaling_utilisation_ratio"] == {("a:b",): 0.5}
    assert values["aether_scaling_capacity_requests_per_second"] == {("a:b",): 40.0}
    assert values["aether_scaling_held"] == {("a:b",): True, ("a:c",): False}
    assert values["aether_scaling_decisions"] == {(): 7}


async def test_a_node_that_does_not_lead_tells_nothing() -> None:
    assert await told(scaling_source(lambda: None)) == {}
