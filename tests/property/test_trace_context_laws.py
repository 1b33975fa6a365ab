"""Laws of trace context: a trace is kept, what is made is sound, and no bytes pass unread."""

import random

from hypothesis import given
from hypothesis import strategies as st

from aether.core.dataplane.trace_context import (
    TraceParent,
    TraceParents,
    read_traceparent,
    sound_tracestate,
)

seeds = st.integers(0, 2**32)
hexadecimal = "0123456789abcdef"
ids = st.builds(
    TraceParent,
    st.text(hexadecimal, min_size=32, max_size=32).filter(lambda text: int(text, 16) > 0),
    st.text(hexadecimal, min_size=16, max_size=16).filter(lambda text: int(text, 16) > 0),
    st.integers(0, 255),
)
close_calls = st.builds(
    lambda parent, place, byte: parent[:place] + bytes([byte]) + parent[place + 1 :],
    ids.map(TraceParent.header),
    st.integers(0, 54),
    st.integers(0, 255),
)


@given(ids)
def test_what_is_written_is_read(parent: TraceParent) -> None:
    assert read_traceparent(parent.header()) == parent


@given(st.none() | st.binary(max_size=60) | close_calls, seeds)
def test_every_request_travels_on_with_a_sound_trace_its_own_if_it_was(
    incoming: bytes | None, seed: int
) -> None:
    onward = TraceParents(random.Random(seed)).following(incoming)
    assert read_traceparent(onward) is not None
    assert (onward == incoming) == (read_traceparent(incoming) is not None)


@given(ids, seeds)
def test_a_child_stays_in_its_trace(parent: TraceParent, seed: int) -> None:
    child = parent.child(random.Random(seed))
    assert child.trace_id == parent.trace_id
    assert child.is_sampled == parent.is_sampled
    assert read_traceparent(child.header()) == child


@given(seeds)
def test_equal_dice_make_equal_traces(seed: int) -> None:
    one, other = TraceParents(random.Random(seed)), TraceParents(random.Random(seed))
    assert [one.following(None) for _ in range(130)] == [other.following(None) for _ in range(130)]


@given(
    st.binary(max_size=600)
    | st.lists(st.sampled_from([b"a=1", b"b@c=2", b" ", b"z=,"])).map(b",".join)
)
def test_a_tracestate_that_passes_is_clean_and_passes_again(value: bytes) -> None:
    state = sound_tracestate(value)
    assert sound_tracestate(state) == state
    assert len(state) <= 512
    assert not set(state) & set(b"\r\n\0")
