"""A trace as a tree: places, clocks, and who was waited for."""

import pytest

from aether.core.tracing.span import ENTRY
from aether.core.tracing.tree import tree_of
from tests.spans import span

CLIENT = "c" * 16


def names(tree_spans: object) -> list[tuple[str, int]]:
    return [(leaf.span.name, leaf.depth) for leaf in tree_of(tree_spans).leaves]  # type: ignore[arg-type] # spans of a test


def test_spans_hang_below_their_parents_in_the_order_they_began() -> None:
    spans = [
        span(4, 2, began=1000.3, seconds=0.1),
        span(3, 1, began=1000.5, seconds=0.2),
        span(2, 1, began=1000.1, seconds=0.4),
        span(1, marks=ENTRY),
    ]
    assert names(spans) == [("work 1", 0), ("work 2", 1), ("work 4", 2), ("work 3", 1)]
    assert tree_of(spans).is_linked


def test_a_request_with_a_parent_of_the_clients_own_is_a_root() -> None:
    tree = tree_of([span(1, CLIENT, marks=ENTRY), span(2, 1)])
    assert (tree.roots, tree.lost, tree.is_linked) == (1, 0, True)


def test_what_names_the_clients_parent_hangs_below_the_request() -> None:
    tree = tree_of([span(1, CLIENT, marks=ENTRY), span(2, CLIENT)])
    assert [leaf.depth for leaf in tree.leaves] == [0, 1]
    assert tree.is_linked


def test_a_span_whose_parent_is_not_there_is_lost() -> None:
    tree = tree_of([span(1, marks=ENTRY), span(2, 9), span(3, 2)])
    assert (tree.roots, tree.lost, tree.is_linked) == (2, 1, False)
    assert [leaf.is_lost for leaf in tree.leaves] == [False, True, False]


def test_spans_in_a_circle_are_told_all_the_same() -> None:
    tree = tree_of([span(1, 2), span(2, 1), span(3, 3)])
    assert len(tree.leaves) == 3
    assert tree.roots == 2


def test_of_two_spans_with_one_id_the_first_counts() -> None:
    tree = tree_of([span(1, name="first"), span(1, name="second")])
    assert [leaf.span.name for leaf in tree.leaves] == ["first"]


def test_waiting_is_shared_out_from_the_end() -> None:
    tree = tree_of(
        [
            span(1, marks=ENTRY, began=0.0, seconds=10.0),
            span(2, 1, began=1.0, seconds=5.0),
            span(3, 1, began=4.0, seconds=4.0),
            span(4, 3, began=5.0, seconds=1.0),
        ]
    )
    waited = {leaf.span.name: leaf.waited_s for leaf in tree.leaves}
    # From 8 to 10 and from 0 to 1 nothing below was waited for; from 4 on it was work 3.
    assert waited == pytest.approx({"work 1": 3.0, "work 2": 3.0, "work 3": 3.0, "work 4": 1.0})
    own = {leaf.span.name: leaf.own_s for leaf in tree.leaves}
    assert own == pytest.approx({"work 1": 3.0, "work 2": 5.0, "work 3": 3.0, "work 4": 1.0})


def test_a_clock_that_is_ahead_is_set_right() -> None:
    tree = tree_of(
        [
            span(1, marks=ENTRY, began=100.0, seconds=2.0),
            span(2, 1, node="n-2", began=160.0, seconds=1.0),
            span(3, 2, node="n-2", began=160.5, seconds=0.5),
        ]
    )
    offsets = [leaf.offset_s for leaf in tree.leaves]
    assert offsets == pytest.approx([0.0, 0.5, 1.0])
    assert sum(leaf.waited_s for leaf in tree.leaves) == pytest.approx(2.0)


def test_a_trace_without_spans_is_an_empty_tree() -> None:
    tree = tree_of([])
    assert (tree.leaves, tree.roots, tree.is_linked) == ((), 0, False)
