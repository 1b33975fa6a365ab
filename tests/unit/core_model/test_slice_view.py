"""Slices nothing has changed in are shared from view to view, with what was asked of them."""

from dataclasses import replace

from aether.core.model import keys
from aether.core.model.ids import InstanceId, NodeId
from aether.core.model.plan import Forget, SetTarget, Wish, carry_out
from aether.core.model.projection import Projector
from aether.core.model.reason import Reason
from aether.core.model.records import encode
from aether.core.model.slice_view import Changes, SliceView, gather
from aether.core.model.view import ClusterView
from tests.worlds import SHOP, STOCK, fact, node_record, nodes, target, wish, with_instance

N1, N2 = NodeId("n1"), NodeId("n2")
SHOP_0, STOCK_0 = InstanceId(f"{SHOP}:1.0.0/0"), InstanceId(f"{STOCK}:1.0.0/0")
WHY = Reason("", "test", "because")


def two_slices() -> ClusterView:
    view = replace(nodes("n1", "n2"), targets={STOCK: target(), SHOP: target()})
    view = with_instance(view, "n1", SHOP_0, wish(), fact())
    return with_instance(view, "n2", STOCK_0, wish(), None)


def _count(one: SliceView) -> int:
    return len(one.copies)


def test_a_slice_holds_what_is_said_of_its_instances() -> None:
    shop, stock = two_slices().slices().values()
    assert (shop.base, stock.base) == (SHOP, STOCK)
    assert shop.wanted == shop.active == ((N1, SHOP_0),)
    assert (stock.wanted, stock.active) == (((N2, STOCK_0),), ())
    (copy,) = shop.copies
    assert (copy.is_current, copy.is_active) == (True, True)
    assert copy.node is not None
    assert copy.node.node == N1


def test_a_fact_nobody_wants_and_a_target_without_instances_are_there_too() -> None:
    left_over = replace(two_slices(), wanted={})
    assert left_over.slices()[SHOP].wanted == ()
    assert left_over.slices()[SHOP].active == ((N1, SHOP_0),)
    assert left_over.slices()[STOCK].copies == ()


def test_a_fact_of_an_earlier_life_is_not_current() -> None:
    view = two_slices()
    reborn = replace(view, nodes={**view.nodes, N1: node_record("n1", "life-2")})
    (copy,) = reborn.after(view, Changes(nodes={N1})).slices()[SHOP].copies
    assert (copy.is_current, copy.is_active) == (False, False)


def test_what_a_plan_leaves_alone_is_shared_with_its_answers() -> None:
    view = two_slices()
    before = view.slices()
    assert before[STOCK].once(_count) == 1
    after = carry_out(view, [Wish(N2, SHOP_0, wish(), WHY)]).slices()
    assert after[STOCK] is before[STOCK]
    assert after[SHOP].once(_count) == 2
    assert after[SHOP].copies[0] is before[SHOP].copies[0]


def test_a_slice_is_gone_with_its_last_instance_and_a_new_one_takes_its_place_by_name() -> None:
    view = replace(two_slices(), targets={})
    assert list(view.slices()) == [SHOP, STOCK]
    without = carry_out(view, [Forget(N1, SHOP_0, WHY)])
    assert list(without.slices()) == [STOCK]
    again = carry_out(without, [SetTarget(SHOP, target(), WHY)])
    assert list(again.slices()) == [SHOP, STOCK]
    assert again.slices() == gather(again)


def test_slices_are_followed_over_views_nobody_asked() -> None:
    view = two_slices()
    before = view.slices()
    unasked = carry_out(view, [Wish(N1, STOCK_0, wish(), WHY)])
    later = carry_out(unasked, [Forget(N2, STOCK_0, WHY)])
    assert later.slices()[SHOP] is before[SHOP]
    assert later.slices() == gather(later)


def test_a_projector_shares_slices_too() -> None:
    entries = [
        (keys.node(N1), encode(node_record("n1")), 1),
        (keys.target(SHOP), encode(target()), 2),
        (keys.wanted(N1, SHOP_0), encode(wish()), 3),
        (keys.wanted(N1, STOCK_0), encode(wish()), 4),
    ]
    projector = Projector()
    before = projector.project(entries, 4).slices()
    entries[3] = (entries[3][0], encode(wish(generation=9)), 5)
    after = projector.project(entries, 5).slices()
    assert after[SHOP] is before[SHOP]
    assert after[STOCK].copies[0].wish == wish(generation=9)
