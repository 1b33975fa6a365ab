"""What two generations differ in."""

from dataclasses import replace

from aether.core.control.admission_diff import MAX_CHANGES, Changed, difference
from aether.core.model.ids import Artifact
from aether.core.model.records import BlueprintRecord, Placement, SliceSpec
from tests.worlds import APP, SHOP, STOCK, spec


def record(*specs: SliceSpec) -> BlueprintRecord:
    return BlueprintRecord(id=Artifact(f"{APP}:1.0.0"), generation=1, slices=specs)


def test_slices_that_came_and_went() -> None:
    told = difference(record(spec(f"{SHOP}:1.0.0")), record(spec(f"{STOCK}:2.0.0")))
    assert (told.added, told.removed, told.changed) == ((f"{STOCK}:2.0.0",), (f"{SHOP}:1.0.0",), ())


def test_values_that_changed_are_named_by_their_path() -> None:
    before = replace(spec(f"{SHOP}:1.0.0"), config={"a": {"b": 1}, "gone": None})
    after = replace(
        spec(f"{SHOP}:2.0.0"), config={"a": {"b": True}}, placement=Placement(spread="zone")
    )
    told = difference(record(before), record(after))
    assert told.changed == (
        Changed(slice=SHOP, name="config.a.b", before=1, after=True),
        Changed(slice=SHOP, name="config.gone", before=None, after=None),
        Changed(slice=SHOP, name="placement.spread", before="node", after="zone"),
        Changed(slice=SHOP, name="version", before="1.0.0", after="2.0.0"),
    )


def test_a_value_of_another_type_is_another_value() -> None:
    before = replace(spec(f"{SHOP}:1.0.0"), config={"debug": 1, "many": [1], "same": 1})
    after = replace(before, config={"debug": True, "many": [True], "same": 1})
    told = difference(record(before), record(after))
    assert [each.name for each in told.changed] == ["config.debug", "config.many"]


def test_order_makes_no_difference() -> None:
    one, two = spec(f"{SHOP}:1.0.0"), spec(f"{STOCK}:1.0.0")
    told = difference(record(one, two), record(two, one))
    assert (told.added, told.removed, told.changed) == ((), (), ())


def test_many_changes_are_counted() -> None:
    many = replace(spec(f"{SHOP}:1.0.0"), config={f"k{n:04d}": n for n in range(MAX_CHANGES + 5)})
    told = difference(record(spec(f"{SHOP}:1.0.0")), record(many))
    assert (len(told.changed), told.more) == (MAX_CHANGES, 5)
