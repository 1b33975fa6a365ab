"""`traceparent` and `tracestate` as the W3C writes them: what is sound, what is not, what is made."""

import random

import pytest

from aether.core.dataplane.trace_context import (
    TraceParent,
    TraceParents,
    read_traceparent,
    sound_tracestate,
    trace_id_of,
)

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01".encode()


def test_a_traceparent_is_taken_apart_and_put_together() -> None:
    parent = read_traceparent(PARENT)
    assert parent == TraceParent(TRACE, SPAN, 1)
    assert parent.is_sampled
    assert parent.header() == PARENT
    assert trace_id_of(PARENT) == TRACE


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"00",
        PARENT + b"-",
        PARENT + b"-x",
        PARENT + b" ",
        PARENT + b"\n",
        PARENT.upper(),
        b"ff" + PARENT[2:],
        b"0" + PARENT,
        f"00-{'0' * 32}-{SPAN}-01".encode(),
        f"00-{TRACE}-{'0' * 16}-01".encode(),
        f"00-{TRACE}-{SPAN}-1".encode(),
        f"00-{TRACE}-{SPAN}-0g".encode(),
        f"00_{TRACE}_{SPAN}_01".encode(),
        b"01" + PARENT[2:] + b"x",
        PARENT + b", " + PARENT,
    ],
)
def test_what_is_not_sound_is_none(value: bytes | None) -> None:
    assert read_traceparent(value) is None
    if value is not None:
        assert TraceParents(random.Random(1)).following(value) != value


@pytest.mark.parametrize("value", [b"01" + PARENT[2:], b"cc" + PARENT[2:] + b"-what-comes-later"])
def test_a_later_version_is_read_as_far_as_it_is_known(value: bytes) -> None:
    assert read_traceparent(value) == TraceParent(TRACE, SPAN, 1)
    assert TraceParents(random.Random(1)).following(value) == value


def test_a_child_is_another_span_of_the_same_trace_and_as_sampled() -> None:
    child = TraceParent(TRACE, SPAN, 0xFF).child(random.Random(1))
    assert (child.trace_id, child.flags) == (TRACE, 1)
    assert child.span_id != SPAN
    assert not TraceParent(TRACE, SPAN, 0xFE).child(random.Random(1)).is_sampled
    assert read_traceparent(child.header()) == child


def test_a_request_without_a_trace_begins_one_that_is_not_sampled() -> None:
    parents = TraceParents(random.Random(1))
    made = [read_traceparent(parents.following(None)) for _ in range(200)]
    assert all(parent is not None and not parent.is_sampled for parent in made)
    assert len({parent.trace_id for parent in made if parent}) == 200
    assert parents.following(PARENT) == PARENT


def test_no_id_is_all_zeros_whatever_the_dice() -> None:
    class Zeros:
        def getrandbits(self, k: int, /) -> int:
            return 0

    assert read_traceparent(TraceParents(Zeros()).following(b"")) is not None
    assert read_traceparent(TraceParent(TRACE, SPAN, 0).child(Zeros()).header()) is not None


@pytest.mark.parametrize(
    ("value", "passed_on"),
    [
        (b"rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", b"rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"),
        (b" a=1 ,, \tb=2", b"a=1,b=2"),
        (b"tenant@system=x y", b"tenant@system=x y"),
        (b"0a=1", b"0a=1"),
        (b"a=1,a=2", b""),
        (b"A=1", b""),
        (b"a", b""),
        (b"a=", b""),
        (b"a=b=c", b""),
        (b"a=\x7f", b""),
        (b"a=" + b"x" * 511, b""),
        (b",".join(b"k%d=1" % n for n in range(33)), b""),
        (b",".join(b"k%d=1" % n for n in range(32)), b",".join(b"k%d=1" % n for n in range(32))),
        (b"", b""),
        (None, b""),
    ],
)
def test_a_tracestate_is_passed_on_when_it_is_sound(value: bytes | None, passed_on: bytes) -> None:
    assert sound_tracestate(value) == passed_on
