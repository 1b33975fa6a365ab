"""The spans a node keeps, and which it forgets first."""

from aether.core.tracing.shelf import MOST_SPANS_A_TRACE, TraceShelf
from aether.core.tracing.span import ENTRY, KEPT
from tests.spans import TRACE, span


def trace(number: int) -> str:
    return f"{number:032x}"


def test_spans_of_a_trace_come_together_once_each() -> None:
    shelf = TraceShelf()
    assert shelf.add(span(1, marks=ENTRY, status=200))
    assert shelf.add(span(2, 1))
    assert not shelf.add(span(2, 1))
    assert [each.name for each in shelf.trace(TRACE)] == ["work 1", "work 2"]
    assert shelf.trace(trace(9)) == ()
    assert (len(shelf), shelf.added) == (1, 2)


def test_a_trace_takes_so_many_spans_and_no_more() -> None:
    shelf = TraceShelf()
    for number in range(1, MOST_SPANS_A_TRACE + 1):
        assert shelf.add(span(number))
    assert not shelf.add(span(MOST_SPANS_A_TRACE + 1))
    assert shelf.refused == 1


def test_the_oldest_ordinary_trace_goes_first_and_failures_stay() -> None:
    shelf = TraceShelf(most_traces=4)
    shelf.add(span(1, trace=trace(1), status=500))
    for number in range(2, 6):
        shelf.add(span(number, trace=trace(number), status=200))
    assert len(shelf) == 4
    assert shelf.trace(trace(1)), "it failed"
    assert not shelf.trace(trace(2)), "it was the oldest of the others"
    assert shelf.forgotten == 1


def test_failures_alone_do_not_drive_out_what_is_ordinary() -> None:
    shelf = TraceShelf(most_traces=8)
    shelf.add(span(1, trace=trace(1), status=200))
    for number in range(2, 20):
        shelf.add(span(number, trace=trace(number), status=500))
    assert shelf.trace(trace(1)), "ordinary ones have less than a quarter of the room"
    assert len(shelf) == 8


def test_a_trace_is_notable_once_a_span_of_it_is() -> None:
    shelf = TraceShelf(most_traces=2)
    shelf.add(span(1, trace=trace(1), status=200))
    shelf.add(span(2, trace=trace(1), marks=KEPT))
    shelf.add(span(3, trace=trace(2), status=200))
    shelf.add(span(4, trace=trace(3), status=200))
    assert len(shelf.trace(trace(1))) == 2
    assert not shelf.trace(trace(2))


def test_bytes_have_a_bound_too() -> None:
    shelf = TraceShelf(most_bytes=20_000)
    for number in range(1, 100):
        shelf.add(span(number, trace=trace(number)))
    assert 10_000 < shelf.bytes <= 20_000
    assert shelf.forgotten == 99 - len(shelf)


def test_entries_are_told_newest_first_as_far_as_they_are_wanted() -> None:
    shelf = TraceShelf()
    for number in (1, 2, 3):
        shelf.add(span(number, trace=trace(number), began=float(number), marks=ENTRY, status=200))
    shelf.add(span(4, 1, trace=trace(1)))
    shelf.add(span(5, trace=trace(5)))
    found = shelf.entries(lambda entry: entry.began != 2.0, 10)
    assert [(entry.trace, count) for entry, count in found] == [(trace(3), 1), (trace(1), 2)]
    assert len(shelf.entries(lambda _: True, 1)) == 1
