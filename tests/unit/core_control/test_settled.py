"""A slice at rest is one that convergence has nothing to do about and nothing to say of."""

from dataclasses import replace

import pytest

from aether.core.control.convergence import converge
from aether.core.control.settled import is_settled, unsettled
from aether.core.control.signals import ControlSettings
from aether.core.model.ids import NodeId
from aether.core.model.lifecycle import Desired, Phase
from aether.core.model.records import PhaseRecord, Placement, WantedRecord
from aether.core.model.view import ClusterView
from tests.worlds import (
    SHOP,
    STOCK,
    all_heard,
    fact,
    nodes,
    spec,
    target,
    wish,
    with_blueprint,
    with_instance,
)

ONE = f"{SHOP}:1.0.0/0"


def shop(wanted: WantedRecord | None = None, phase: PhaseRecord | None = None) -> ClusterView:
    """One instance of the shop on n1."""
    view = with_blueprint(nodes("n1", "n2"), spec(f"{SHOP}:1.0.0"))
    view = replace(view, targets={SHOP: target()})
    return with_instance(view, "n1", ONE, wanted or wish(), phase or fact())


def test_a_slice_that_serves_as_wanted_is_at_rest() -> None:
    view = shop()
    assert unsettled(view) == frozenset()
    assert list(converge(view, all_heard(view, 100.0), ControlSettings(), 100.0)) == []


@pytest.mark.parametrize(
    "view",
    [
        shop(wish(Desired.LOAD), fact(Phase.LOADED)),
        shop(wish(Desired.DEACTIVATE)),
        shop(wish(generation=3)),
        shop(wish(attempt=1)),
        shop(replace(wish(), tried=(NodeId("n2"),))),
        shop(replace(wish(), config={"tint": 7})),
        shop(replace(wish(), timeout_s=1.0)),
        shop(replace(wish(), replaces=f"n1/{ONE}")),
        shop(phase=fact(Phase.FAILED)),
        shop(phase=fact(incarnation="life-0")),
        replace(shop(), targets={SHOP: target(instances=2)}),
        replace(shop(), targets={SHOP: target(instances=0)}),
        replace(shop(), targets={SHOP: target("1.1.0")}),
        replace(
            shop(), targets={SHOP: replace(target(), placement=Placement(require={"gpu": "yes"}))}
        ),
        replace(shop(), nodes={}),
        replace(shop(), phases={}),
    ],
)
def test_whatever_may_want_a_step_is_not_at_rest(view: ClusterView) -> None:
    assert unsettled(view) == {SHOP}


def test_one_that_has_taken_the_place_of_an_instance_that_is_gone_is_at_rest() -> None:
    view = shop(replace(wish(), replaces=f"n2/{SHOP}:1.0.0/7"))
    assert is_settled(view.slices()[SHOP])


def test_one_that_replaces_an_instance_of_another_slice_is_looked_at() -> None:
    view = shop(replace(wish(), replaces=f"n2/{STOCK}:1.0.0/7"))
    assert not is_settled(view.slices()[SHOP])
