"""Nodes kept in order of room while a plan fills them."""

from collections import Counter

from aether.core.control.ranking import Entry, Load, Ranking, Room, fullness, zone_of
from aether.core.model.ids import NodeId
from tests.worlds import node_record

N1, N2, N3 = NodeId("n1"), NodeId("n2"), NodeId("n3")


def room() -> Room:
    loads = [(N1, "a", load(5, 10)), (N2, "a", load(0, 10)), (N3, "b", load(2, 2))]
    return Room(loads, [(NodeId("n4"), "disk=ssd")])


def load(total: int, capacity: int) -> Load:
    """A node on which everything is to last."""
    return Load(total, total, capacity)


def names(entries: list[Entry]) -> list[str]:
    return [node for _, _, node in entries]


def test_the_example_of_fullness() -> None:
    assert fullness(1, 2) == 3 / 4
    assert fullness(40, 100) == 81 / 200


def test_nodes_stand_in_order_of_room_and_full_ones_apart() -> None:
    here = room()
    assert names(here.everywhere) == ["n2", "n1"]
    assert names(here.by_zone["a"]) == ["n2", "n1"]
    assert (here.full, list(here.lacking)) == ([N3], [("n4", "disk=ssd")])
    assert (here.has(N1), here.has(N3), here.has(NodeId("n4"))) == (True, False, False)


def test_filling_keeps_the_order() -> None:
    here = room()
    for before in range(7):
        here.fill(N2, load(before, 10))
    assert names(here.everywhere) == names(here.by_zone["a"]) == ["n1", "n2"]
    for before in range(7, 12):
        here.fill(N2, load(before, 10))
    assert (names(here.everywhere), here.full) == (["n1"], [N2, N3])
    here.fill(NodeId("elsewhere"), load(0, 10))
    assert names(here.everywhere) == ["n1"]


def test_what_goes_soon_takes_room_and_makes_no_node_fuller() -> None:
    here = Room([(N1, "", Load(9, 1, 10)), (N2, "", load(3, 10)), (N3, "", Load(10, 0, 10))])
    assert names(here.everywhere) == ["n1", "n2"]
    here.fill(N1, Load(9, 1, 10))
    assert (names(here.everywhere), here.full) == (["n2"], [N1, N3])


def test_a_ranking_puts_old_entries_right_when_they_come_to_the_top() -> None:
    here, held = room(), Counter[NodeId]()

    def now(node: NodeId) -> Entry | None:
        return (held[node], 0.9, node) if held[node] < 3 else None

    ranking = Ranking({"": here.everywhere}, now)
    assert names(ranking.best(5, lambda _: 0)) == ["n1", "n2"]
    held[N1] += 1
    assert names(ranking.best(1, lambda _: 0)) == ["n2"]
    held[N2] += 3
    assert names(ranking.best(5, lambda _: 0)) == ["n1"]
    held[N1] += 2
    assert ranking.best(5, lambda _: 0) == []


def test_the_least_crowded_zone_comes_first() -> None:
    here = Room([(N1, "a", load(0, 10)), (N2, "b", load(9, 10))])
    crowds = Counter({"a": 1})
    ranking = Ranking(here.by_zone, lambda node: (0, fullness(9 * (node == N2), 10), node))
    assert names(ranking.best(2, lambda zone: crowds[zone])) == ["n2", "n1"]
    assert names(ranking.best(2, lambda zone: -crowds[zone])) == ["n1", "n2"]


def test_the_zone_of_a_node_is_its_label() -> None:
    assert zone_of(node_record("n1")) == ""
