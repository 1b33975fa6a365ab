"""One move at a time, and only when it brings nodes nearer."""

from dataclasses import replace

from aether.core.control.balance import rebalance
from aether.core.model.lifecycle import Desired, Phase
from aether.core.model.records import Failure
from aether.core.model.view import ClusterView
from tests.worlds import SHOP, STOCK, fact, nodes, spec, target, wish, with_blueprint, with_instance


def held(counts: dict[str, dict[str, int]]) -> ClusterView:
    """A cluster in which each node serves so many instances of each slice."""
    view = with_blueprint(nodes(*counts), spec(f"{SHOP}:1.0.0"), spec(f"{STOCK}:1.0.0"))
    view = replace(view, targets={SHOP: target(), STOCK: target()})
    ordinal = 0
    for node, slices in counts.items():
        for base, count in slices.items():
            for _ in range(count):
                view = with_instance(view, node, f"{base}:1.0.0/{ordinal}", wish(), fact())
                ordinal += 1
    return view


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


def test_a_full_node_gets_nothing() -> None:
    view = held({"n1": {SHOP: 3}, "n2": {}})
    full = {name: replace(record, capacity=3) for name, record in view.nodes.items()}
    full = {name: replace(r, capacity=0) if name == "n2" else r for name, r in full.items()}
    assert rebalance(replace(view, nodes=full)) is None
