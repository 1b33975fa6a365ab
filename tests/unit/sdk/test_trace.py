"""The trace context as a slice sees it, and what it may put in its place."""

from contextvars import copy_context

import pytest

from aether.sdk.trace import (
    REQUEST_HEADERS,
    TraceContext,
    request_id,
    trace_context,
    use_trace_context,
)

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"
OWN = TraceContext(f"00-{TRACE}-00f067aa0ba902b7-01", "vendor=1")


def inside(*headers: tuple[bytes, bytes]) -> tuple[TraceContext | None, str]:
    """Return what a handler of a request with these headers sees."""

    def handle() -> tuple[TraceContext | None, str]:
        REQUEST_HEADERS.set(headers)
        return trace_context(), request_id()

    return copy_context().run(handle)


def test_outside_of_requests_there_is_no_trace() -> None:
    assert trace_context() is None
    assert request_id() == ""


def test_a_handler_sees_the_trace_of_its_request() -> None:
    headers = ((b"host", b"x"), (b"traceparent", PARENT.encode()), (b"x-request-id", b"r-1"))
    seen, request = inside(*headers)
    assert seen == TraceContext(PARENT)
    assert (seen.trace_id, request) == (TRACE, "r-1")
    with_state, _ = inside(*headers, (b"tracestate", b"a=1,b=2"))
    assert with_state == TraceContext(PARENT, "a=1,b=2")


@pytest.mark.parametrize(
    "parent", [b"", b"no", PARENT.upper().encode(), b"ff" + PARENT[2:].encode()]
)
def test_a_broken_trace_is_none(parent: bytes) -> None:
    assert inside((b"traceparent", parent))[0] is None


def test_a_broken_state_is_left_out() -> None:
    seen, _ = inside((b"traceparent", PARENT.encode()), (b"tracestate", b"x" * 513))
    assert seen == TraceContext(PARENT)


def test_a_span_of_the_slice_s_own_stands_in_for_a_while() -> None:
    with use_trace_context(OWN):
        assert trace_context() == OWN
        with use_trace_context(TraceContext(PARENT)):
            assert trace_context() == TraceContext(PARENT)
        assert trace_context() == OWN
    assert trace_context() is None


@pytest.mark.parametrize(
    ("parent", "state", "problem"),
    [
        ("", "", "is not VERSION-TRACE-SPAN-FLAGS"),
        (f"00-{'0' * 32}-b7ad6b7169203331-01", "", "is not VERSION-TRACE-SPAN-FLAGS"),
        (f"{PARENT}\r\nx: y", "", "is not VERSION-TRACE-SPAN-FLAGS"),
        (PARENT, "a=1\r\nx: y", "tracestate is longer"),
        (PARENT, "a" * 513, "tracestate is longer"),
    ],
)
def test_nothing_else_becomes_a_header(parent: str, state: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        TraceContext(parent, state)
