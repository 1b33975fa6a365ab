"""One move at a time, and only when it brings nodes nearer."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from aether.core.control.balance import MOST_CANDIDATES, RULES, rebalance
from aether.core.model.ids import NodeId, SliceBase
from aether.core.model.lifecycle import Desired, Phase
from aether.core.model.plan import Wish
from aether.core.model.records import (
    DrainOrder,
    Failure,
    Placement,
    TargetRecord,
    Verdict,
    VerdictRecord,
)
from aether.core.model.view import ClusterView
from tests.worlds import SHOP, STOCK, fact, nodes, spec, target, wish, with_blueprint, with_instance


def held(
    counts: Mapping[str, Mapping[SliceBase, int]], placement: Placement | None = None
) -> ClusterView:
    """A cluster in which each node serves so many instances of each slice, as many as are wanted."""
    view = with_blueprint(nodes(*counts), spec(f"{SHOP}:1.0.0"), spec(f"{STOCK}:1.0.0"))
    targets: dict[SliceBase, TargetRecord] = {}
    for base in (SHOP, STOCK):
        wanted = target(instances=max(1, sum(slices.get(base, 0) for slices in counts.values())))
        targets[base] = replace(wanted, placement=placement or Placement())
    view = replace(view, targets=targets)
    ordinal = 0
    for node, slices in counts.items():
        for base, count in slices.items():
            for _ in range(count):
                view = with_instance(view, node, f"{base}:1.0.0/{ordinal}", wish(), fact())
                ordinal += 1
    return view


def zoned(view: ClusterView, **zones: str) -> ClusterView:
    return replace(
        view,
        nodes={name: replace(r, labels={"zone": zones[name]}) for name, r in view.nodes.items()},
    )


def sized(view: ClusterView, **capacities: int) -> ClusterView:
    return replace(
        view,
        nodes={n: replace(r, capacity=capacities.get(n, 200)) for n, r in view.nodes.items()},
    )


def moved(view: ClusterView) -> tuple[str, str]:
    """From which node to which the one move goes."""
    move = rebalance(view)
    assert isinstance(move, Wish)
    return (move.record.replaces.partition("/")[0], move.node)


def test_an_uneven_slice_moves_to_the_empty_node() -> None:
    move = rebalance(held({"n1": {SHOP: 2}, "n2": {SHOP: 1}, "n3": {}}))
    assert move is not None
    assert move.node == "n3"
    assert move.record.desired is Desired.LOAD
    assert move.record.replaces.startswith("n1/")


def test_uneven_totals_move_an_instance_whose_slice_stays_even() -> None:
    move = rebalance(held({"n1": {SHOP: 1, STOCK: 1}, "n2": {SHOP: 1, STOCK: 1}, "n3": {}}))
    assert move is not None
    assert move.node == "n3"


def test_a_difference_of_one_is_left_alone() -> None:
    assert rebalance(held({"n1": {SHOP: 1}, "n2": {}})) is None
    assert rebalance(held({"n1": {SHOP: 2, STOCK: 1}, "n2": {SHOP: 1, STOCK: 1}})) is None


def test_nothing_moves_while_anything_is_under_way_but_a_dead_end_is_not_in_the_way() -> None:
    view = held({"n1": {SHOP: 3}, "n2": {}})
    loading = with_instance(
        view, "n2", f"{STOCK}:1.0.0/9", wish(Desired.LOAD, 1), fact(Phase.LOADING, 1)
    )
    assert rebalance(loading) is None
    dead = fact(Phase.FAILED, 1, failure=Failure(kind="fatal", message="no such module"))
    failed = with_instance(view, "n2", f"{STOCK}:1.0.0/9", wish(Desired.LOAD, 1), dead)
    assert rebalance(failed) is not None
    parked = replace(wish(Desired.DEACTIVATE), parked=True)
    waits = with_instance(view, "n2", f"{STOCK}:1.0.0/9", parked, fact(Phase.LOADED))
    assert rebalance(waits) is not None


def test_one_move_at_a_time() -> None:
    view = held({"n1": {SHOP: 4}, "n2": {}})
    mover = replace(wish(Desired.LOAD, 1), replaces=f"n1/{SHOP}:1.0.0/0")
    moving = with_instance(view, "n2", f"{SHOP}:1.0.0/9", mover, fact(Phase.LOADED, 1))
    assert rebalance(moving) is None


def test_a_full_node_gets_nothing() -> None:
    view = held({"n1": {SHOP: 3}, "n2": {}})
    assert rebalance(sized(view, n1=3, n2=0)) is None


@pytest.mark.parametrize("verdict", [Verdict.SUSPECT, Verdict.DRAINING, Verdict.LOST])
def test_nothing_moves_to_a_node_that_is_not_on_duty(verdict: Verdict) -> None:
    view = held({"n1": {SHOP: 3}, "n2": {}})
    off = VerdictRecord(verdict=verdict, incarnation="life-1", drain=DrainOrder(by="api:x"))
    assert rebalance(replace(view, verdicts={**view.verdicts, NodeId("n2"): off})) is None


def test_what_is_on_a_draining_node_is_left_to_the_drain() -> None:
    view = held({"n1": {SHOP: 4}, "n2": {STOCK: 2}, "n3": {}})
    off = VerdictRecord(verdict=Verdict.DRAINING, incarnation="life-1")
    assert moved(replace(view, verdicts={**view.verdicts, NodeId("n1"): off})) == ("n2", "n3")


def test_nothing_moves_while_a_node_is_doubted() -> None:
    view = held({"n1": {SHOP: 4}, "n2": {}, "n3": {}})
    suspect = VerdictRecord(verdict=Verdict.SUSPECT, incarnation="life-1")
    assert rebalance(replace(view, verdicts={**view.verdicts, NodeId("n3"): suspect})) is None


def test_required_labels_hold_for_moves_too() -> None:
    placement = Placement(require={"zone": "a"})
    view = held({"n1": {SHOP: 3}, "n2": {}, "n3": {}}, placement)
    assert moved(zoned(view, n1="a", n2="b", n3="a")) == ("n1", "n3")


def test_zones_are_evened_out_before_nodes() -> None:
    by_zone = Placement(spread="zone")
    view = held({"n1": {SHOP: 1}, "n2": {SHOP: 1}, "n3": {}, "n4": {STOCK: 1}}, by_zone)
    view = zoned(view, n1="a", n2="a", n3="b", n4="b")
    assert moved(view) == ("n1", "n3")
    even = held({"n1": {SHOP: 2}, "n2": {}, "n3": {SHOP: 1}, "n4": {SHOP: 1}}, by_zone)
    assert moved(zoned(even, n1="a", n2="a", n3="b", n4="b")) == ("n1", "n2")


def test_a_new_zone_takes_its_part_of_the_load() -> None:
    by_zone = Placement(spread="zone")
    view = held({"n1": {SHOP: 1, STOCK: 1}, "n2": {SHOP: 1, STOCK: 1}, "n3": {}}, by_zone)
    assert moved(zoned(view, n1="a", n2="b", n3="c")) == ("n1", "n3")


def test_larger_nodes_host_more() -> None:
    view = held({"n1": {SHOP: 1, STOCK: 1}, "n2": {SHOP: 1, STOCK: 2}})
    assert rebalance(view) is None
    assert rebalance(sized(view, n1=10, n2=20)) is None
    assert moved(sized(held({"n1": {STOCK: 1}, "n2": {}}), n1=1, n2=100)) == ("n1", "n2")


def test_a_slice_without_surge_or_being_updated_or_removed_stays() -> None:
    view = held({"n1": {SHOP: 4}, "n2": {}})
    surplus = {**view.targets, SHOP: replace(view.targets[SHOP], instances=3)}
    assert rebalance(replace(view, targets=surplus)) is None
    newer = {**view.targets, SHOP: replace(view.targets[SHOP], version="2.0.0")}
    assert rebalance(replace(view, targets=newer)) is None
    assert rebalance(replace(view, blueprints={})) is None


def test_a_move_carries_its_reason_and_few_alternatives() -> None:
    move = rebalance(held({"n1": {SHOP: 9, STOCK: 9}, "n2": {SHOP: 9, STOCK: 9}, "n3": {}}))
    assert move is not None
    inputs = move.because.inputs
    assert RULES["balance"](inputs) == inputs["decision"] == f"move {SHOP}:1.0.0/0 to n3"
    assert 0 < len(move.because.rejected) < MOST_CANDIDATES
    assert f"n1 has 9 of {SHOP}, n3 0" in move.because.text
