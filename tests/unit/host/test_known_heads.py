"""Heads that are known from the one before: the same headers, or not known at all."""

import pytest

from aether.host.known_heads import KnownHead, known_head

TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
BEGIN = b"GET /a?b HTTP/1.1\r\nHost: h\r\nAccept: */*\r\nx-request-id: "
FIELDS = [(b"host", b"h"), (b"accept", b"*/*")]
TARGET = ("GET", b"/a", b"b")


def head(request_id: bytes = b"id-1", trace: bytes = b"") -> bytes:
    lines = b"\r\ntraceparent: " + trace if trace else b""
    return BEGIN + request_id + lines + b"\r\n\r\n"


def fields(request_id: bytes = b"id-1", trace: bytes = b"") -> list[tuple[bytes, bytes]]:
    more = [(b"traceparent", trace)] if trace else []
    return [*FIELDS, (b"x-request-id", request_id), *more]


def known() -> KnownHead:
    found = known_head(head(), fields(), TARGET)
    assert found is not None
    return found


def test_the_next_request_has_its_own_id_and_trace() -> None:
    assert known().fields_of(head(b"id-2")) == fields(b"id-2")
    assert known().fields_of(head(b"id-3", TRACE)) == fields(b"id-3", TRACE)
    assert (known().method, known().path, known().query) == TARGET


def test_one_that_had_a_trace_is_known_by_what_stands_before() -> None:
    found = known_head(head(b"id-1", TRACE), fields(b"id-1", TRACE), TARGET)
    assert found is not None
    assert found.fields_of(head(b"id-2")) == fields(b"id-2")


@pytest.mark.parametrize(
    "data",
    [
        head()[:-1],
        head() + b"GET",
        head(b"id-2\r\nx-aether-slice: a"),
        head(b"id 2"),
        head(b""),
        head(b"id\r\ncontent-length: 3"),
        head(trace=b"00-zz"),
        head().replace(b"/a", b"/b"),
        head(b"x" * 129),
    ],
)
def test_what_differs_in_anything_else_is_for_the_parser(data: bytes) -> None:
    assert known().fields_of(data) is None


@pytest.mark.parametrize(
    "data",
    [
        head() + b"more",
        head() + head(),
        b"GET / HTTP/1.1\r\nhost: h\r\n\r\n",
        BEGIN + b"id\r\naccept: x\r\n\r\n",
        b"GET / HTTP/1.1\r\na: " + b"b" * 5000 + b"\r\nx-request-id: 1\r\n\r\n",
    ],
)
def test_only_heads_that_end_as_those_of_routers_are_kept(data: bytes) -> None:
    assert known_head(data, [], TARGET) is None


def test_what_is_kept_does_not_change_with_what_is_given_out() -> None:
    kept = known()
    first = kept.fields_of(head(b"id-2"))
    assert first is not None
    first.clear()
    assert kept.fields_of(head(b"id-2")) == fields(b"id-2")
