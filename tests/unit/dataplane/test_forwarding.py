"""The heads the router sends on."""

from aether.core.dataplane.table import Endpoint
from aether.core.model.ids import InstanceId, NodeId, SliceBase
from aether.dataplane.forwarding import (
    AnswerStart,
    Travels,
    ending_of,
    lines_for_peer,
    new_request_id,
    request_start,
    switch_lines,
)
from aether.dataplane.heads import RequestHead, RequestReader, read_response

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-"
ENDPOINT = Endpoint(
    instance=InstanceId("a:b:1.2.3/0"), slice=SliceBase("a:b"), node=NodeId("n"), socket="/s"
)


def head(*lines: str, start: str = "GET /a?b HTTP/1.1") -> RequestHead:
    return RequestReader().read("\r\n".join([start, "Host: h", *lines, "", ""]).encode())


def test_a_request_waits_for_its_id() -> None:
    assert request_start(head("A: b")) == (
        b"GET /a?b HTTP/1.1\r\nHost: h\r\nA: b\r\nx-request-id: ",
        Travels.MADE,
    )


def test_a_trace_travels_on_and_a_broken_one_ends_here() -> None:
    sound, travels = request_start(head(f"traceparent: {TRACE}00", "tracestate: a=b"))
    assert travels is Travels.AS_IT_CAME
    assert f"traceparent: {TRACE}00\r\n".encode() in sound
    assert b"tracestate: a=b" in sound
    broken, travels = request_start(head("traceparent: 00-0-0-00", "tracestate: a=b"))
    assert travels is Travels.MADE
    assert b"trace" not in broken


def test_a_sampled_trace_is_told_by_the_router_itself() -> None:
    rest, travels = request_start(head(f"traceparent: {TRACE}01", "tracestate: a=b"))
    assert travels is Travels.REWRITTEN
    assert b"traceparent" not in rest
    assert b"tracestate: a=b" in rest


def test_an_answer_names_the_instance_and_what_the_route_says_of_itself() -> None:
    answer = read_response(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", "GET")
    start = AnswerStart(answer, ENDPOINT, b"sunset: never\r\n")
    assert start.bytes == (
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nsunset: never\r\n"
        b"x-aether-instance: a:b:1.2.3/0\r\nx-request-id: "
    )


def test_a_peer_is_told_the_instance_and_that_it_is_the_last_router() -> None:
    lines = lines_for_peer("a:b:1.2.3/0")
    assert lines == b"x-aether-instance: a:b:1.2.3/0\r\nx-aether-hops: 1\r\n\r\n"


def test_ends_of_heads_stand_after_a_line_without_its_end() -> None:
    answer = read_response(
        b"HTTP/1.1 200 OK\r\nTrailer: b, a\r\nTransfer-Encoding: chunked\r\n\r\n", "GET"
    )
    reads = head("TE: trailers", "Connection: te")
    assert ending_of(reads, answer, chunked=True, closes=True) == (
        b"\r\ntrailer: a, b\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    )
    assert ending_of(head(), answer, chunked=True, closes=False) == (
        b"\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    assert ending_of(reads, answer, chunked=False, closes=True) == b"\r\nconnection: close\r\n\r\n"
    assert switch_lines(b"x") == b"\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n"


def test_request_ids_differ() -> None:
    assert len({new_request_id() for _ in range(1000)}) == 1000
