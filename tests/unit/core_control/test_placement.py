"""Which node gets an instance."""

from dataclasses import replace

from aether.core.control.placement import Occupancy
from aether.core.model.ids import Artifact, NodeId, SliceBase
from aether.core.model.records import Verdict
from aether.core.model.view import ClusterView
from tests.worlds import SHOP, STOCK, fact, nodes, placed, wish, with_instance


def busy(view: ClusterView, node: str, slice_: str, count: int) -> ClusterView:
    for ordinal in range(count):
        view = with_instance(
            view, node, f"{slice_}:1.0.0/{ordinal + 100 * int(node[1:])}", wish(), fact()
        )
    return view


def test_the_worked_example_of_the_module() -> None:
    view = nodes("n1", "n2", "n3")
    for node, shops, others in (("n1", 1, 4), ("n2", 1, 1), ("n3", 0, 9)):
        view = busy(busy(view, node, SHOP, shops), node, STOCK, others)
    occupancy = Occupancy(view)
    first = occupancy.choose(SHOP)
    assert first is not None
    assert first == "n3"
    occupancy.add(first, occupancy.next_instance(Artifact(f"{SHOP}:1.0.0")))
    assert occupancy.choose(SHOP) == "n2"


def test_full_nodes_and_nodes_not_on_duty_are_passed_over() -> None:
    view = busy(nodes("n1", "n2", capacity=1), "n1", STOCK, 1)
    assert Occupancy(view).choose(SHOP) == "n2"
    suspect = replace(view, verdicts=nodes("n1", "n2", verdict=Verdict.SUSPECT).verdicts)
    assert Occupancy(suspect).choose(SHOP) is None
    assert Occupancy(busy(view, "n2", STOCK, 1)).choose(SHOP) is None


def test_a_node_to_avoid_is_taken_only_when_there_is_no_other() -> None:
    assert Occupancy(nodes("n1", "n2")).choose(SHOP, avoid=[NodeId("n1")]) == "n2"
    assert Occupancy(nodes("n1")).choose(SHOP, avoid=[NodeId("n1")]) == "n1"


def test_the_lowest_free_ordinal_is_taken() -> None:
    view = nodes("n1")
    for ordinal in (0, 2):
        view = with_instance(view, "n1", f"{SHOP}:1.0.0/{ordinal}", wish(), fact())
    occupancy = Occupancy(view)
    artifact = Artifact(f"{SHOP}:1.0.0")
    assert occupancy.next_instance(artifact) == f"{SHOP}:1.0.0/1"
    assert occupancy.next_instance(Artifact(f"{SHOP}:2.0.0")) == f"{SHOP}:2.0.0/0"


def test_a_name_that_a_move_refers_to_is_not_given_away() -> None:
    moving = replace(wish(), replaces=f"n1/{SHOP}:1.0.0/0")
    view = with_instance(nodes("n1", "n2"), "n2", f"{SHOP}:1.0.0/1", moving, fact())
    assert Occupancy(view).next_instance(Artifact(f"{SHOP}:1.0.0")) == f"{SHOP}:1.0.0/2"


def test_the_most_crowded_goes_first() -> None:
    view = busy(busy(nodes("n1", "n2"), "n1", SHOP, 2), "n2", SHOP, 1)
    occupancy = Occupancy(view)
    among = list(view.wanted)
    first = occupancy.most_crowded(SliceBase(SHOP), among)
    assert first == placed("n1", f"{SHOP}:1.0.0/101")
    occupancy.remove(*first)
    assert occupancy.total(NodeId("n1")) == 1
