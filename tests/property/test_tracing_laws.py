"""Laws of tracing: sampling, what is kept, and the tree."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aether.core.tracing.sampling import bound_of, is_below
from aether.core.tracing.shelf import TraceShelf
from aether.core.tracing.span import ENTRY, Span
from aether.core.tracing.tree import tree_of
from tests.spans import span

ids = st.binary(min_size=16, max_size=16).map(lambda raw: raw.hex().encode())
shares = st.floats(0.0, 1.0)


@st.composite
def traces(draw: st.DrawFn) -> list[Span]:
    """Draw spans whose parents are anyone, themselves included, or nobody."""
    count = draw(st.integers(1, 12))
    return [
        span(
            number,
            draw(st.integers(0, count + 1)),
            began=1000.0 + draw(st.floats(0, 5)),
            seconds=draw(st.floats(0, 5)),
            node=draw(st.sampled_from(["n-1", "n-2"])),
            marks=draw(st.sampled_from([0, 0, ENTRY])),
        )
        for number in range(1, count + 1)
    ]


@given(ids, shares, shares)
def test_a_larger_share_holds_the_smaller_one(trace: bytes, one: float, other: float) -> None:
    less, more = sorted((one, other))
    assert not is_below(trace, bound_of(less)) or is_below(trace, bound_of(more))


@given(ids)
def test_no_share_holds_none_and_the_whole_holds_all(trace: bytes) -> None:
    assert not is_below(trace, bound_of(0.0))
    assert is_below(trace, bound_of(1.0))


@given(shares)
def test_a_share_of_evenly_spread_ids_is_that_share(share: float) -> None:
    spread = [b"%032x" % (place * 16**14 // 1000) for place in range(1000)]
    held = sum(is_below(trace, bound_of(share)) for trace in spread)
    assert abs(held - 1000 * share) <= 1.0


@given(traces())
def test_every_span_stands_in_the_tree_once(spans: list[Span]) -> None:
    tree = tree_of(spans)
    assert sorted(leaf.span.id for leaf in tree.leaves) == sorted(each.id for each in spans)
    assert tree.roots == sum(leaf.depth == 0 for leaf in tree.leaves)
    assert tree.roots >= 1


@given(traces(), st.randoms())
def test_a_tree_does_not_depend_on_the_order_in_which_spans_came(
    spans: list[Span],
    dice: Any,
) -> None:
    shuffled = list(spans)
    dice.shuffle(shuffled)
    assert tree_of(shuffled) == tree_of(spans)


@given(traces())
def test_what_was_waited_for_adds_up_to_what_roots_took(spans: list[Span]) -> None:
    tree = tree_of(spans)
    waited = sum(leaf.waited_s for leaf in tree.leaves)
    took = sum(leaf.span.seconds for leaf in tree.leaves if leaf.depth == 0)
    assert waited == pytest.approx(took, abs=1e-6)
    assert all(0.0 <= leaf.own_s <= leaf.span.seconds + 1e-6 for leaf in tree.leaves)


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(1, 200), st.sampled_from([200, 500]))))
def test_a_shelf_keeps_its_bounds_and_knows_its_weight(
    came: list[tuple[int, int, int]],
) -> None:
    shelf = TraceShelf(most_traces=10, most_bytes=20_000)
    for trace, number, status in came:
        shelf.add(span(number, trace=f"{trace:032x}", status=status))
    kept = [shelf.trace(f"{trace:032x}") for trace in range(31)]
    held = [spans for spans in kept if spans]
    assert len(shelf) == len(held) <= 10
    assert shelf.bytes <= 20_000
    weight = sum(500 + sum(each.weight for each in spans) for spans in held)
    assert shelf.bytes == weight
    assert shelf.added == sum(map(len, held)) or shelf.forgotten > 0
