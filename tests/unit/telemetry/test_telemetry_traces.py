"""The traces of a node: whose word counts, what is asked for, and where."""

from collections.abc import Sequence
from typing import Any

import pytest

from aether.core.tracing.span import ENTRY, KEPT, MOST_SPANS_A_MESSAGE, Span
from aether.telemetry import traces as module
from aether.telemetry.traces import NodeTraces
from tests.spans import TRACE, plain, span


def kept(number: int = 1, **fields: Any) -> Span:
    return span(number, kind="request", marks=ENTRY | KEPT, status=502, **fields)


def test_spans_are_of_the_node_that_took_them() -> None:
    traces = NodeTraces("n-1")
    traces.take_of_router(plain(span(1, node="n-7", kind="request")))
    assert traces.shelf.trace(TRACE)[0].node == "n-1"
    assert traces.counts() == {
        "traces": 1,
        "bytes": traces.shelf.bytes,
        "spans": 1,
        "dropped": 0,
        "refused": 0,
        "forgotten": 0,
    }


def test_what_processes_lost_is_added_up_and_nonsense_is_left_aside() -> None:
    traces = NodeTraces("n-1")
    for count in (3, 0, -1, None, "9", 1.5, 2**60, 4):
        traces.note_dropped(count)
    assert traces.counts()["dropped"] == 7


def test_a_host_speaks_for_its_slice_alone() -> None:
    traces = NodeTraces("n-1")
    forged = span(1, kind="request", marks=ENTRY | KEPT, slice="x:y", to="i", to_node="n-2")
    traces.take_of_host(plain(forged), "g:a")
    (told,) = traces.shelf.trace(TRACE)
    assert (told.kind, told.marks, told.slice, told.to, told.to_node) == ("part", 0, "g:a", "", "")
    assert not traces.take_wanted().here


@pytest.mark.parametrize("message", [None, [1], [["x"]], {"a": 1}])
def test_what_is_no_span_is_refused(message: object) -> None:
    traces = NodeTraces("n-1")
    with pytest.raises(ValueError, match=r"Expected|Object"):
        traces.take_of_router(message)
    with pytest.raises(ValueError, match="at most"):
        traces.take_of_router(plain(span(1)) * (MOST_SPANS_A_MESSAGE + 1))


def test_what_was_kept_is_asked_for_here_and_where_it_went() -> None:
    traces = NodeTraces("n-1")
    traces.take_of_router(plain(kept(to="i", to_node="n-2")))
    wanted = traces.take_wanted()
    assert list(wanted.here) == [TRACE]
    assert {node: list(ids) for node, ids in wanted.elsewhere.items()} == {"n-2": [TRACE]}
    assert not traces.take_wanted().here, "once"


def test_what_comes_of_it_later_is_followed_further() -> None:
    traces = NodeTraces("n-1")
    traces.ask([TRACE])
    traces.take_wanted()
    traces.take_of_router(plain(span(2, kind="request", to="i", to_node="n-3")))
    assert list(traces.take_wanted().elsewhere) == ["n-3"]
    traces.take_of_router(plain(span(3, kind="request", to="i", to_node="n-1")))
    assert not traces.take_wanted().elsewhere, "that is this node"


def test_sampled_traces_are_asked_of_nobody() -> None:
    traces = NodeTraces("n-1")
    traces.take_of_router(plain(span(1, kind="request", marks=ENTRY, to="i", to_node="n-2")))
    wanted = traces.take_wanted()
    assert (dict(wanted.here), dict(wanted.elsewhere)) == ({}, {})


def test_what_is_asked_for_has_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WANTED", 2)
    monkeypatch.setattr(module, "MOST_NODES", 1)
    traces = NodeTraces("n-1")
    for number in range(1, 5):
        trace = f"{number:032x}"
        traces.take_of_router(plain(kept(number, trace=trace, to="i", to_node=f"n-{number + 1}")))
    wanted = traces.take_wanted()
    assert len(wanted.here) == 2
    assert list(wanted.elsewhere) == ["n-2"]


def test_subscribers_hear_of_what_is_new() -> None:
    traces = NodeTraces("n-1")
    heard: list[Sequence[Span]] = []
    traces.subscribe(heard.append)
    traces.take_of_router(plain(span(1), span(2)))
    traces.take_of_router(plain(span(2)))
    assert [[each.id for each in spans] for spans in heard] == [[span(1).id, span(2).id]]
