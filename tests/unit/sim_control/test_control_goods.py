"""What is deployed stands in a fixed relation."""

from aether.core.store.commands import Put
from aether_forge.sim.control.goods import FRONT, SHOP, SLICES, STOCK, artifact_record, push


def test_the_shop_requires_stock_and_the_front_requires_the_shop() -> None:
    assert [one.slice for one in SLICES[SHOP] if one.required] == [STOCK]
    assert [one.slice for one in SLICES[FRONT] if one.required] == [SHOP]


def test_an_artifact_brings_its_route_and_its_dependencies() -> None:
    record = artifact_record(SHOP, "1.1.0")
    assert record.manifest.routes[0].pattern == "/shop"
    assert record.manifest.dependencies == SLICES[SHOP]
    (put,) = push(record).then
    assert isinstance(put, Put)
    assert put.key == f"artifact/{SHOP}:1.1.0"
