"""What is measured, as the API tells it."""

from dataclasses import replace

import pytest

from aether.api.service import Api
from aether.core.metrics.aggregate import encode_aggregate
from aether.core.metrics.aggregation import Aggregation
from aether.core.metrics.catalogue import CATALOGUE
from tests.api_world import ApiWorld
from tests.unit.core_metrics.made import instance, node_sample, slice_sample

ONE = "g.x:a:1.0.0/0"


@pytest.fixture
async def measured(world: ApiWorld) -> ApiWorld:
    """Two nodes and one slice, told by node-2, which leads."""
    made = Aggregation("node-2")
    for node in ("node-1", "node-2"):
        slices = (slice_sample("g.x:a", (0.01,) * 19 + (0.5,), errors=2),)
        hosted = (instance("g.x:a", int(node[-1]) - 1),)
        made.hear(node_sample(node, slices=slices, instances=hosted), 0.0)
    await world.metrics.take(encode_aggregate(made.next(0.5)))
    return world


async def test_nodes_and_slices_are_told_with_their_age(measured: ApiWorld) -> None:
    answer = (await measured.call("GET", "metrics")).json()
    assert answer["second"] == 1
    assert "instances" not in answer
    first, second = answer["nodes"]
    assert (first["node"], second["node"]) == ("node-1", "node-2")
    assert (first["cpu"], first["instances"], first["memory_used"]) == (0.25, 1, 6)
    assert 0.5 <= first["age_s"] < 10
    (load,) = answer["slices"]
    assert (load["slice"], load["rate"], load["error_share"]) == ("g.x:a", 40.0, 0.1)
    assert load["p50_s"] == pytest.approx(0.01, rel=0.04)
    assert load["p99_s"] == pytest.approx(0.5, rel=0.04)
    assert (load["instances"], load["cpu"]) == (2, 0.5)


async def test_instances_are_told_when_asked_for(measured: ApiWorld) -> None:
    answer = (await measured.call("GET", "metrics?instances=true")).json()
    assert [(one["instance"], one["node"]) for one in answer["instances"]] == [
        (ONE, "node-1"),
        ("g.x:a:1.0.0/1", "node-2"),
    ]


async def test_the_catalogue_has_every_metric_and_its_values(measured: ApiWorld) -> None:
    items = (await measured.call("GET", "metrics/catalogue")).json()["items"]
    assert [item["name"] for item in items] == list(CATALOGUE)
    by_name = {item["name"]: item for item in items}
    assert by_name["slice.rate"]["values"] == [{"subject": "g.x:a", "value": 40.0}]
    assert by_name["node.memory"]["unit"] == "share"
    one = (await measured.call("GET", "metrics/catalogue?metric=node.cpu")).json()["items"]
    assert [value["subject"] for value in one[0]["values"]] == ["node-1", "node-2"]


async def test_history_is_of_one_subject_or_of_all(measured: ApiWorld) -> None:
    found = (await measured.call("GET", "metrics/history?metric=node.cpu&range=60")).json()
    assert (found["unit"], found["step_s"]) == ("share", 1)
    assert [item["subject"] for item in found["items"]] == ["node-1", "node-2"]
    assert [point["value"] for point in found["items"][0]["points"]] == [0.25]
    one = await measured.call("GET", f"metrics/history?metric=instance.cpu&subject={ONE}")
    assert one.json()["step_s"] == 10
    assert one.json()["items"][0]["points"][0]["value"] == 0.5
    long = (await measured.call("GET", "metrics/history?metric=node.cpu&range=7200")).json()
    assert long["step_s"] == 10


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("metrics/history?metric=node.cpo", 404, "node.cpu"),
        ("metrics/history", 404, "catalogue"),
        ("metrics/history?metric=node.cpu&step=5", 422, "1, 10, 60"),
        ("metrics/history?metric=instance.cpu&step=1", 422, "10 to 60"),
        ("metrics/history?metric=node.cpu&range=9999", 422, "7200"),
        ("metrics/catalogue?metric=none", 404, "none"),
    ],
)
async def test_what_there_is_not_is_named(
    measured: ApiWorld, path: str, status: int, says: str
) -> None:
    answer = await measured.call("GET", path)
    assert answer.status in (status, 400)
    assert says in answer.json()["detail"]


async def test_too_many_points_are_refused_with_a_way_out(world: ApiWorld) -> None:
    made = Aggregation("node-2")
    for number in range(30):
        made.hear(node_sample(f"n-{number}"), 0.0)
    await world.metrics.take(encode_aggregate(made.next(0.5)))
    answer = await world.call("GET", "metrics/history?metric=node.cpu&range=7200&step=1")
    assert answer.status in (400, 422)
    assert "step=" in answer.json()["detail"]


async def test_a_node_that_measures_nothing_says_so(world: ApiWorld) -> None:
    world.api = Api(replace(world.context, metrics=None))
    assert (await world.call("GET", "metrics")).status == 503
