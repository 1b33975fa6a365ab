"""The heads the router sends on."""

from aether.dataplane.forwarding import new_request_id, request_lines, response_head
from aether.dataplane.heads import RequestHead, RequestReader, read_response


def head(*lines: str, start: str = "GET /a?b HTTP/1.1") -> RequestHead:
    return RequestReader().read("\r\n".join([start, "Host: h", *lines, "", ""]).encode())


def test_request_from_outside_says_who_asked() -> None:
    lines = request_lines(
        head("A: b", "x-aether-slice: s", "x-forwarded-host: spoofed"),
        "id-1",
        client="10.0.0.1",
        keep=(),
    )
    assert lines == (
        b"GET /a?b HTTP/1.1\r\nHost: h\r\nA: b\r\nx-request-id: id-1\r\n"
        b"x-forwarded-for: 10.0.0.1\r\nx-forwarded-proto: http\r\nx-forwarded-host: h\r\n"
    )


def test_request_from_inside_keeps_what_was_said_before() -> None:
    lines = request_lines(
        head("x-aether-slice: s", "x-aether-instance: i", "x-forwarded-for: 10.0.0.1"),
        "id-1",
        client=None,
        keep=(b"x-aether-slice", b"x-aether-idempotent"),
    )
    assert lines == (
        b"GET /a?b HTTP/1.1\r\nHost: h\r\nx-request-id: id-1\r\n"
        b"x-forwarded-for: 10.0.0.1\r\nx-aether-slice: s\r\n"
    )


def test_chunked_request_is_said_to_be_chunked() -> None:
    chunked = head("Transfer-Encoding: chunked", start="POST / HTTP/1.1")
    lines = request_lines(chunked, "i", client=None, keep=())
    assert lines.endswith(b"x-request-id: i\r\ntransfer-encoding: chunked\r\n")


def test_response_names_request_and_instance() -> None:
    answer = read_response(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", "GET")
    plain = response_head(answer, "id-1", "a:b:1.0.0/0", chunked=False, close=False)
    assert plain == (
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nx-request-id: id-1\r\n"
        b"x-aether-instance: a:b:1.0.0/0\r\n\r\n"
    )
    last = response_head(answer, "id-1", "a:b:1.0.0/0", chunked=True, close=True)
    assert last.endswith(b"transfer-encoding: chunked\r\nconnection: close\r\n\r\n")


def test_request_ids_differ() -> None:
    assert len({new_request_id() for _ in range(1000)}) == 1000
