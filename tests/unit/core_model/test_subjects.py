import pytest

from aether.core.model import keys
from aether.core.model.ids import Artifact, InstanceId, NodeId, SliceBase
from aether.core.model.records import (
    BlueprintRecord,
    EpochRecord,
    RouteRecord,
    encode,
)
from aether.core.model.subjects import VALUED, subjects_of
from tests.worlds import APP, SHOP, STOCK, spec, target

NODE = NodeId("node-1")
INSTANCE = InstanceId(f"{SHOP}:1.0.0/3")


@pytest.mark.parametrize(
    ("key", "subjects"),
    [
        (keys.node(NODE), {"node/node-1"}),
        (keys.verdict(NODE), {"node/node-1"}),
        (keys.provision(NODE), {"node/node-1"}),
        (keys.wanted(NODE, INSTANCE), {"node/node-1", f"slice/{SHOP}"}),
        (keys.phase(NODE, INSTANCE), {"node/node-1", f"slice/{SHOP}"}),
        (keys.artifact(Artifact(f"{SHOP}:1.0.0")), {f"slice/{SHOP}"}),
        (keys.target(SHOP), {f"slice/{SHOP}"}),
        (keys.blueprint(APP), {f"blueprint/{APP}"}),
        (keys.generation(APP, 3), {f"blueprint/{APP}"}),
        (keys.deleted_blueprint(APP), {f"blueprint/{APP}"}),
        (keys.BLUEPRINT_TURN, set()),
        (keys.removed("node"), {"cluster"}),
        (keys.config("node/node-1", "x"), {"node/node-1"}),
        (keys.config(f"slice/{SHOP}", "x"), {f"slice/{SHOP}"}),
        (keys.config("cluster", "x"), {"cluster"}),
        (keys.CLUSTER, {"cluster"}),
        (keys.TOPOLOGY, {"cluster"}),
        (keys.route("GET", "/x"), set()),
        ("app/org.example:shop/x", set()),
        ("wanted/node-1/nonsense", {"node/node-1"}),
        ("artifact/nonsense", set()),
        ("nonsense", set()),
    ],
)
def test_a_key_names_what_it_is_about(key: str, subjects: set[str]) -> None:
    assert subjects_of(key) == subjects


def test_values_name_the_rest() -> None:
    record = BlueprintRecord(
        id=Artifact(f"{APP}:1.0.0"),
        generation=1,
        slices=(spec(f"{SHOP}:1.0.0"), spec(f"{STOCK}:1.0.0")),
    )
    both = {f"blueprint/{APP}", f"slice/{SHOP}", f"slice/{STOCK}"}
    assert subjects_of(keys.blueprint(APP), [encode(record)]) == both
    owned = subjects_of(keys.target(SHOP), [encode(target())])
    assert owned == {f"slice/{SHOP}", f"blueprint/{APP}"}
    routes = [
        encode(RouteRecord(slice=SliceBase(base), timeout_s=1.0, body_limit=1))
        for base in (SHOP, STOCK)
    ]
    assert subjects_of("route/GET /x", routes) == {f"slice/{SHOP}", f"slice/{STOCK}"}
    epoch = encode(EpochRecord(leader=NODE, epoch=2))
    assert subjects_of(keys.EPOCH, [epoch]) == {"cluster", "node/node-1"}


def test_a_value_that_cannot_be_read_takes_nothing_away() -> None:
    assert subjects_of(keys.target(SHOP), [b"\xff", encode(target())]) == {
        *(f"slice/{SHOP}", f"blueprint/{APP}")
    }


def test_the_families_that_need_their_values_are_listed() -> None:
    for key in (keys.EPOCH, "blueprint/a:b", "target/a:b", "route/GET /", "generation/a:b/1"):
        assert key.startswith(VALUED)
    assert not "wanted/n/x".startswith(VALUED)
