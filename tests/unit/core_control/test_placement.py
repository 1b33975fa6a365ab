"""Which node gets an instance."""

from dataclasses import replace

from aether.core.control.candidates import MOST_CANDIDATES, MOST_REJECTED, Choice, NoRoom
from aether.core.control.placement import RULES, Occupancy
from aether.core.model.ids import Artifact, NodeId, SliceBase
from aether.core.model.lifecycle import Desired, Phase
from aether.core.model.records import DrainOrder, Placement, Verdict, VerdictRecord
from aether.core.model.view import ClusterView
from tests.worlds import SHOP, STOCK, fact, nodes, placed, wish, with_instance

BY_ZONE = Placement(spread="zone")


def busy(view: ClusterView, node: str, slice_: str, count: int) -> ClusterView:
    for ordinal in range(count):
        view = with_instance(
            view, node, f"{slice_}:1.0.0/{ordinal + 100 * int(node[1:])}", wish(), fact()
        )
    return view


def labelled(view: ClusterView, **labels: dict[str, str]) -> ClusterView:
    """The view with these labels on its nodes."""
    return replace(
        view,
        nodes={name: replace(r, labels=labels.get(name, {})) for name, r in view.nodes.items()},
    )


def chosen(occupancy: Occupancy, base: SliceBase, **how: object) -> str:
    choice = occupancy.choose(base, **how)  # type: ignore[arg-type] # the tests' short form
    assert isinstance(choice, Choice), choice
    return choice.node


def why_not(occupancy: Occupancy, base: SliceBase, **how: object) -> str:
    none = occupancy.choose(base, **how)  # type: ignore[arg-type] # the tests' short form
    assert isinstance(none, NoRoom), none
    return none.why


def test_the_worked_example_of_the_module() -> None:
    view = nodes("n1", "n2", "n3")
    for node, shops, others in (("n1", 1, 4), ("n2", 1, 1), ("n3", 0, 9)):
        view = busy(busy(view, node, SHOP, shops), node, STOCK, others)
    occupancy = Occupancy(view)
    assert chosen(occupancy, SHOP) == "n3"
    occupancy.add(NodeId("n3"), occupancy.next_instance(Artifact(f"{SHOP}:1.0.0")))
    assert chosen(occupancy, SHOP) == "n2"


def test_full_nodes_and_nodes_not_on_duty_are_passed_over() -> None:
    view = busy(nodes("n1", "n2", capacity=1), "n1", STOCK, 1)
    assert chosen(Occupancy(view), SHOP) == "n2"
    suspect = replace(view, verdicts=nodes("n1", "n2", verdict=Verdict.SUSPECT).verdicts)
    assert "of 2 nodes 2 not on duty" in why_not(Occupancy(suspect), SHOP)
    assert why_not(Occupancy(busy(view, "n2", STOCK, 1)), SHOP).endswith("of 2 nodes 2 full")


def test_a_node_to_avoid_is_taken_only_when_there_is_no_other() -> None:
    assert chosen(Occupancy(nodes("n1", "n2")), SHOP, avoid=[NodeId("n1")]) == "n2"
    last = Occupancy(nodes("n1")).choose(SHOP, avoid=[NodeId("n1")])
    assert isinstance(last, Choice)
    assert (last.node, last.is_last_resort) == ("n1", True)


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


def test_the_most_crowded_goes_first_and_takes_room_until_it_is_gone() -> None:
    view = busy(busy(nodes("n1", "n2"), "n1", SHOP, 2), "n2", SHOP, 1)
    occupancy = Occupancy(view)
    among = list(view.wanted)
    first = occupancy.most_crowded(SliceBase(SHOP), among)
    assert first == placed("n1", f"{SHOP}:1.0.0/101")
    occupancy.remove(*first)
    assert occupancy.of_slice(NodeId("n1"), SHOP) == 1
    assert occupancy.total(NodeId("n1")) == 2


def test_an_instance_on_a_node_that_is_not_on_duty_goes_before_all_others() -> None:
    view = busy(busy(nodes("n1", "n2"), "n1", SHOP, 3), "n2", SHOP, 1)
    draining = VerdictRecord(
        verdict=Verdict.DRAINING, incarnation="life-1", drain=DrainOrder(by="api:anonymous")
    )
    view = replace(view, verdicts={**view.verdicts, NodeId("n2"): draining})
    assert Occupancy(view).most_crowded(SHOP, list(view.wanted))[0] == "n2"


def test_required_labels_are_a_hard_filter() -> None:
    view = labelled(nodes("n1", "n2", "n3"), n2={"disk": "ssd"}, n3={"disk": "hdd"})
    ssd = Placement(require={"disk": "ssd"})
    occupancy = Occupancy(busy(view, "n2", SHOP, 5))
    assert chosen(occupancy, SHOP, placement=ssd) == "n2"
    nvme = why_not(occupancy, SHOP, placement=Placement(require={"disk": "nvme", "arch": "arm"}))
    assert nvme == "no node can take it: of 3 nodes 3 without arch=arm, disk=nvme"


def test_the_emptiest_zone_comes_before_the_emptiest_node() -> None:
    view = labelled(nodes("n1", "n2", "n3"), n1={"zone": "a"}, n2={"zone": "a"}, n3={"zone": "b"})
    view = busy(busy(busy(view, "n1", SHOP, 2), "n3", SHOP, 1), "n3", STOCK, 50)
    assert chosen(Occupancy(view), SHOP) == "n2"
    assert chosen(Occupancy(view), SHOP, placement=BY_ZONE) == "n3"


def test_nodes_without_a_zone_are_one_zone() -> None:
    view = labelled(nodes("n1", "n2", "n3"), n3={"zone": "b"})
    view = busy(busy(view, "n1", SHOP, 1), "n3", STOCK, 9)
    assert chosen(Occupancy(view), SHOP, placement=BY_ZONE) == "n3"


def test_room_is_a_share_of_the_capacity_with_the_next_instance_counted_half() -> None:
    view = nodes("n1", "n2")
    sizes = {NodeId("n1"): 4, NodeId("n2"): 100}
    view = replace(view, nodes={n: replace(r, capacity=sizes[n]) for n, r in view.nodes.items()})
    assert chosen(Occupancy(busy(busy(view, "n1", STOCK, 1), "n2", STOCK, 20)), SHOP) == "n2"
    assert chosen(Occupancy(busy(busy(view, "n1", STOCK, 1), "n2", STOCK, 60)), SHOP) == "n1"


def test_what_leaves_takes_room_but_is_no_crowd() -> None:
    view = busy(nodes("n1", "n2"), "n2", STOCK, 1)
    leaving = with_instance(view, "n1", f"{SHOP}:1.0.0/7", wish(Desired.UNLOAD), fact())
    assert chosen(Occupancy(leaving), SHOP) == "n1"
    parked = replace(wish(Desired.DEACTIVATE), parked=True)
    stays = with_instance(view, "n1", f"{SHOP}:1.0.0/7", parked, fact(Phase.LOADED))
    assert chosen(Occupancy(stays), SHOP) == "n2"


def test_a_reason_shows_a_few_candidates_and_why_not_the_others() -> None:
    names = [f"n{number}" for number in range(1, 41)]
    view = nodes(*names)
    suspect = VerdictRecord(verdict=Verdict.SUSPECT, incarnation="life-1")
    view = replace(view, verdicts={**view.verdicts, NodeId("n9"): suspect})
    choice = Occupancy(busy(view, "n1", SHOP, 1)).choose(SHOP)
    assert isinstance(choice, Choice)
    assert len(choice.asked.candidates) == MOST_CANDIDATES
    assert RULES["place"](choice.inputs) == choice.inputs["decision"] == choice.node == "n10"
    assert len(choice.rejected) <= MOST_REJECTED
    assert choice.rejected["n9"] == "it is SUSPECT"
    assert choice.rejected["n11"] == "as good as n10, which is first by name"


def test_every_reason_why_not_is_told() -> None:
    view = labelled(nodes("n1", "n2", "n3", "n4"), n1={"zone": "a"}, n2={"zone": "a"})
    view = busy(busy(busy(view, "n1", SHOP, 1), "n2", STOCK, 3), "n4", STOCK, 1)
    asked = Occupancy(view).choose(SHOP, BY_ZONE, [NodeId("n4")])
    assert isinstance(asked, Choice)
    assert asked.node == "n3"
    assert asked.rejected == {
        "n4": "it gave the slice up before",
        "n2": "its zone has 1 of the slice, that of n3 0",
        "n1": "its zone has 1 of the slice, that of n3 0",
    }
    by_node = Occupancy(view).choose(SHOP)
    assert isinstance(by_node, Choice)
    assert by_node.rejected["n1"] == "it has 1 of the slice, n3 0"
    assert by_node.rejected["n4"] == "it hosts 1 of at most 200, n3 0 of 200"


def test_a_cluster_without_nodes_says_so() -> None:
    assert why_not(Occupancy(ClusterView()), SHOP) == "the cluster has no nodes"
