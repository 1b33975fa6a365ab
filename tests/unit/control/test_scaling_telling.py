"""What scaling says of itself."""

from dataclasses import replace

from aether.control.scaling_telling import ScalingDesk
from aether.core.model.records import TopologyRecord
from tests.scaling_world import ScalingWorld, load, running
from tests.worlds import SHOP


async def test_a_slice_nobody_has_looked_at_yet_says_so() -> None:
    world = ScalingWorld()
    desk = ScalingDesk(world.loop, world.control)
    (row,) = desk.status()["slices"]
    assert "no figures have come since this node leads" in row["text"]
    assert row["scaled_by"] == "blueprint"


async def test_what_it_knows_of_a_slice_and_of_the_nodes() -> None:
    world = ScalingWorld(replace(running(2), topology=TopologyRecord(nodes=2, max_nodes=4)))
    await world.second(load(60.0, errors=0.02), times=3)
    told = ScalingDesk(world.loop, world.control).status()
    (row,) = told["slices"]
    assert (row["error_share"], row["room"], row["held"]) == (0.02, 400, "")
    assert row["forecast"] == {"mode": "shadow", "state": row["forecast"]["state"]}
    assert told["nodes"]["seen"]["nodes"] == 2
    assert "at" not in told["nodes"]["seen"]
    assert told["nodes"]["wanted"] == 2


async def test_settings_of_a_slice_that_is_not_there_are_none() -> None:
    world = ScalingWorld()
    desk = ScalingDesk(world.loop, world.control)
    assert [one["slice"] for one in desk.config(None)] == [SHOP]
    assert [one["slice"] for one in desk.config(SHOP)] == [SHOP]
    world.control.seen = replace(running(2), targets={})
    assert desk.config(SHOP) == []
