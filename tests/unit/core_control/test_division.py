"""Requests divided among versions: set by an operator, dropped when out of date."""

from dataclasses import replace
from typing import Any

import pytest

from aether.core.control.admission import Admitted, Rejected
from aether.core.control.division import (
    admit_no_traffic,
    admit_traffic,
    drop_traffic,
    present_versions,
)
from aether.core.control.replay import reevaluate
from aether.core.model import keys
from aether.core.model.ids import SliceBase
from aether.core.model.plan import carry_out
from aether.core.model.records import TrafficRecord, decode
from aether.core.model.traffic import SplitRule, VersionWeight
from aether.core.model.view import ClusterView
from aether.core.store.commands import Delete, Guard, Put
from tests.worlds import (
    APP,
    SHOP,
    fact,
    nodes,
    spec,
    target,
    wish,
    with_blueprint,
    with_instance,
)


def divided(*rules: SplitRule, **weights: int) -> TrafficRecord:
    """Weights by version: `v1` means 1.0.0."""
    return TrafficRecord(
        weights=tuple(
            VersionWeight(version=f"{name[1:]}.0.0", weight=weight)
            for name, weight in weights.items()
        ),
        rules=rules,
    )


def updating(**changes: Any) -> ClusterView:  # tables of a view
    """One instance of 1.0.0, one of 2.0.0, which is wanted."""
    view = with_blueprint(nodes("n1"), spec(f"{SHOP}:2.0.0"), generation=2)
    view = replace(view, targets={SHOP: target("2.0.0", generation=2)})
    for number in (1, 2):
        view = with_instance(view, "n1", f"{SHOP}:{number}.0.0/0", wish(), fact())
    revisions = {keys.EPOCH: 3, keys.target(SHOP): 5, keys.blueprint(APP): 4}
    return replace(view, revisions=revisions, **changes)


BETA = SplitRule(version="2.0.0", header="x-beta", value="yes")


def test_versions_there_are() -> None:
    assert present_versions(updating(), SHOP) == ("1.0.0", "2.0.0")
    applied = with_blueprint(updating(), spec(f"{SHOP}:3.0.0"), generation=3)
    assert present_versions(applied, SHOP) == ("1.0.0", "2.0.0", "3.0.0")
    assert present_versions(updating(), SliceBase("a:b")) == ()


def test_weights_of_the_versions_there_are_are_written_under_guards() -> None:
    found = admit_traffic(updating(), SHOP, divided(BETA, v1=90, v2=10))
    assert isinstance(found, Admitted)
    (put,) = found.then
    assert isinstance(put, Put)
    assert put.key == keys.traffic(SHOP)
    assert decode(put.value, TrafficRecord) == divided(BETA, v1=90, v2=10)
    assert found.summary == f"requests of {SHOP} are divided: 1 rule, then 1.0.0 90, 2.0.0 10"
    assert found.guards == (
        Guard(keys.EPOCH, 3),
        Guard(keys.traffic(SHOP), 0),
        Guard(keys.target(SHOP), 5),
        Guard(keys.blueprint(APP), 4),
    )


def test_the_same_again_changes_nothing() -> None:
    view = updating(traffic={SHOP: divided(v1=1, v2=1)})
    again = admit_traffic(view, SHOP, divided(v1=1, v2=1))
    assert isinstance(again, Admitted)
    assert not again.changed


@pytest.mark.parametrize(
    ("record", "told"),
    [
        (divided(v1=1, v2=1, v3=1), "version '3.0.0' of org.example:shop does not run; versions there are: 1.0.0, 2.0.0"),
        (divided(v2=1), "version 1.0.0 has no weight: give it 0"),
        (divided(v1=0, v2=0), "every version has weight 0"),
        (divided(), "neither weights nor rules"),
        (divided(replace(BETA, version="9.9.9")), "version '9.9.9' of"),
        (divided(replace(BETA, header="")), "rules[0] for version '2.0.0': either header or cookie"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(record: TrafficRecord, told: str) -> None:
    found = admit_traffic(updating(), SHOP, record)
    assert isinstance(found, Rejected)
    assert found.code == "invalid"
    assert told in "\n".join(found.problems)


def test_all_problems_are_told_at_once() -> None:
    found = admit_traffic(updating(), SHOP, divided(replace(BETA, header=""), v3=0, v4=1))
    assert isinstance(found, Rejected)
    assert len(found.problems) == 5


def test_only_a_slice_that_stays_has_its_requests_divided() -> None:
    for view, base in ((updating(), SliceBase("a:b")), (updating(blueprints={}), SHOP)):
        found = admit_traffic(view, base, divided(v1=1, v2=1))
        assert isinstance(found, Rejected)
        assert found.code == "not_found"
        assert SHOP in found.problems[0]


def test_divided_evenly_again() -> None:
    view = updating(traffic={SHOP: divided(v1=1, v2=1)})
    view = replace(view, revisions={**view.revisions, keys.traffic(SHOP): 8})
    found = admit_no_traffic(view, SHOP)
    assert isinstance(found, Admitted)
    assert found.then == (Delete(keys.traffic(SHOP)),)
    assert Guard(keys.traffic(SHOP), 8) in found.guards
    unreadable = replace(view, traffic={}, unreadable={keys.traffic(SHOP): "not JSON"})
    assert isinstance(admit_no_traffic(unreadable, SHOP), Admitted)
    nothing = admit_no_traffic(updating(), SHOP)
    assert isinstance(nothing, Admitted)
    assert not nothing.changed
    assert isinstance(admit_no_traffic(updating(), SliceBase("a:b")), Rejected)


def test_a_division_stays_while_it_names_what_is_there() -> None:
    for record in (divided(v1=9, v2=1), divided(BETA), divided(BETA, v1=0, v2=3)):
        assert list(drop_traffic(updating(traffic={SHOP: record}))) == []


def test_a_division_goes_with_a_version_it_names() -> None:
    over = updating(traffic={SHOP: divided(v1=9, v2=1)})
    over = replace(
        over, wanted={key: one for key, one in over.wanted.items() if key[1].version != "1.0.0"}
    )
    (drop,) = drop_traffic(over)
    assert drop.base == SHOP
    assert drop.because.text == f"requests of {SHOP} are divided evenly again: version 1.0.0 gone"
    assert reevaluate(drop.because) == "drop: version 1.0.0 gone"
    assert carry_out(over, [drop]).traffic == {}
    ruled = replace(over, traffic={SHOP: divided(BETA)})
    assert list(drop_traffic(ruled)) == []


def test_a_division_goes_when_a_version_comes_that_has_no_weight() -> None:
    view = updating(traffic={SHOP: divided(v1=9, v2=1)})
    applied = with_blueprint(view, spec(f"{SHOP}:3.0.0"), generation=3)
    (drop,) = drop_traffic(applied)
    assert drop.because.text.endswith("version 3.0.0 without a weight")
    ruled = replace(applied, traffic={SHOP: divided(BETA)})
    assert list(drop_traffic(ruled)) == []


def test_a_division_of_a_slice_that_is_gone_goes() -> None:
    view = updating(traffic={SHOP: divided(v1=9, v2=1)}, targets={})
    (drop,) = drop_traffic(view)
    assert reevaluate(drop.because) == "drop: versions 1.0.0, 2.0.0 gone"
