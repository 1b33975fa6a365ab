"""Calls about the leader's scaling, over a real loop and figures that are set."""

from dataclasses import replace

import pytest

from aether.core.model import keys
from aether.core.model.records import encode
from tests.api_world import NODE, ApiWorld
from tests.scaling_world import load, running, scaled
from tests.worlds import SHOP, node_record, target


@pytest.fixture
async def loaded(world: ApiWorld) -> ApiWorld:
    """A slice with two instances and some load, looked at once."""
    await world.hold(running(2, scaled(2), revision=0))
    world.loads.known[SHOP] = load(60.0)
    await world.scaling_loop.tick()
    return world


async def test_status_tells_load_bounds_and_why(loaded: ApiWorld) -> None:
    told = (await loaded.call("GET", "controller/status")).json()
    assert told["leader"] == NODE
    (row,) = told["slices"]
    assert (row["slice"], row["instances"], row["ready"]) == (SHOP, 2, 2)
    assert row["bounds"] == {"least": 2, "most": 10}
    assert row["rate"] == 60.0
    assert row["text"].startswith("2 ")
    assert told["nodes"]["wish"] == "same"
    assert told["advisor"] is None


async def test_evaluate_shows_every_input_of_each_slice(loaded: ApiWorld) -> None:
    told = (await loaded.call("GET", "controller/evaluate")).json()
    assert {"commands", "waiting"} <= told.keys()
    (one,) = told["scaling"]["slices"]
    assert one["inputs"]["bounds"]["maximum"] == 10
    assert one["rule"].startswith("scaling.")


async def test_decisions_are_listed_and_made_again(loaded: ApiWorld) -> None:
    (first,) = (await loaded.call("GET", f"controller/decisions?slice={SHOP}&limit=5")).items()
    assert (first["actor"], first["kind"], first["replayed"]) == ("controller", "hold", True)
    assert (await loaded.call("GET", "controller/decisions?slice=a:b")).items() == []


async def test_settings_of_scaling_with_their_origin(loaded: ApiWorld) -> None:
    (one,) = (await loaded.call("GET", f"controller/config?slice={SHOP}")).json()["slices"]
    assert one["scaling"]["most"] == 10
    origins = {row["name"]: row["origin"] for row in one["settings"]}
    assert origins["scaling.manual_pause_s"] == "default"
    assert "scaling.nodes" not in origins


async def test_unknown_slices_and_names_that_are_none(loaded: ApiWorld) -> None:
    assert (await loaded.call("GET", "controller/config?slice=a:b")).status == 404
    assert (await loaded.call("GET", "controller/decisions?slice=nonsense")).status == 422
    assert (await loaded.call("GET", "controller/decisions?limit=0")).status == 422


async def test_scaling_by_hand_says_that_load_lets_it_be(world: ApiWorld) -> None:
    await world.put({keys.node(NODE): encode(node_record("node-1"))})
    await world.hold(running(2, scaled(2), revision=0))
    done = (await world.call("POST", f"slices/{SHOP}/scale", b'{"instances": 4}')).json()
    assert "scaling.manual_pause_s" in done["summary"]
    again = (await world.call("POST", f"slices/{SHOP}/scale", b'{"instances": 4}')).json()
    assert again["changed"] is True, "said again, it is let be anew"


async def test_a_node_without_figures_says_so(world: ApiWorld) -> None:
    bare = ApiWorld()
    await bare.start()
    try:
        await bare.hold(running(2, target(instances=2), revision=0))
        told = (await bare.call("GET", "controller/status")).json()
        assert told["slices"][0]["scaled"] is False
        bare.api = type(bare.api)(replace(bare.context, scaling=None))
        assert (await bare.call("GET", "controller/status")).status == 503
    finally:
        await bare.stop()
