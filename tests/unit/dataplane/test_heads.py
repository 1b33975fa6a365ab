"""Heads: what is read of them, what is cut out, what is refused."""

import pytest

from aether.dataplane.forwarded import INSIDE, Door
from aether.dataplane.framing import ChunkedBody, LengthBody, UntilClose
from aether.dataplane.header_lines import BadHead
from aether.dataplane.heads import (
    MAX_HEADERS,
    MAX_TARGET_BYTES,
    RequestHead,
    RequestReader,
    ResponseReader,
    read_response,
)


def request(*lines: str, start: str = "GET /a?b HTTP/1.1", door: Door = INSIDE) -> RequestHead:
    fields = (
        lines if any(line.lower().startswith("host") for line in lines) else ("Host: h", *lines)
    )
    return RequestReader(door).read("\r\n".join([start, *fields, "", ""]).encode("latin-1"))


OUTSIDE = Door(is_public=True, client="10.0.0.1")


def response(*lines: str, start: str = "HTTP/1.1 200 OK") -> bytes:
    return "\r\n".join([start, *lines, "", ""]).encode("latin-1")


def test_reads_what_matters_and_keeps_the_rest_as_it_came() -> None:
    head = request("hOsT: h", "X-Odd:   spaced  ", "Content-Length: 12", start="PUT /a?b HTTP/1.1")
    assert (head.method, head.target, head.path, head.host) == ("PUT", b"/a?b", "/a", "h")
    assert head.lines == b"hOsT: h\r\nX-Odd:   spaced  \r\nContent-Length: 12\r\n"
    assert (head.length, head.keep_alive, head.is_http11) == (12, True, True)
    assert isinstance(head.body_reader(), LengthBody)


def test_cuts_what_ends_here() -> None:
    head = request(
        "Connection: close, x-mine",
        "X-Mine: 1",
        "x-mine-too: 2",
        "Keep-Alive: 1",
        "Proxy-Connection: a",
        "TE: b",
        "Trailer: c",
        "Upgrade: d",
        "Expect: 100-continue",
        "X-Aether-Slice: a:b",
        "X-Aether-Hops: 1",
        "X-Forwarded-For: 1.2.3.4",
        "X-FORWARDED-FOR: 5.6.7.8",
        door=OUTSIDE,
    )
    assert head.lines == (
        b"Host: h\r\nx-mine-too: 2\r\nx-forwarded-for: 1.2.3.4, 5.6.7.8, 10.0.0.1\r\n"
        b'x-forwarded-proto: http\r\nx-forwarded-host: h\r\nforwarded: for=10.0.0.1;host="h";proto=http\r\n'
    )
    assert not head.keep_alive
    assert head.expects_continue
    assert head.aether == {b"x-aether-slice": "a:b", b"x-aether-hops": "1"}


def test_the_connection_header_cannot_take_the_framing_away() -> None:
    head = request("Connection: content-length, host", "Content-Length: 3")
    assert head.lines == b"Host: h\r\nContent-Length: 3\r\n"
    with pytest.raises(BadHead, match="more than 16"):
        request("Connection: " + ",".join("abcdefghijklmnopqrs"))


def test_chunked_requests_lose_the_line_and_keep_the_framing() -> None:
    head = request("Transfer-Encoding: Chunked", start="POST / HTTP/1.1")
    assert head.lines == b"Host: h\r\ntransfer-encoding: chunked\r\n"
    assert head.length == -1
    assert head.has_body
    assert isinstance(head.body_reader(), ChunkedBody)


def test_http10_needs_no_host_and_is_answered_once() -> None:
    head = RequestReader().read(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert (head.is_http11, head.keep_alive, head.host) == (False, False, "")


@pytest.mark.parametrize(
    ("value", "kept"),
    [("a-1", "a-1"), ("x" * 128, "x" * 128), ("x" * 129, ""), ("a b", ""), ("ü", ""), ("", "")],
)
def test_only_sane_request_ids_are_kept(value: str, kept: str) -> None:
    assert request(f"X-Request-Id: {value}").request_id == kept


def test_fragment_in_a_target_is_refused() -> None:
    with pytest.raises(BadHead, match="fragment"):
        request(start="GET /a#b HTTP/1.1")


def test_absolute_form_becomes_origin_form() -> None:
    head = request("X: y", start="GET HTTP://there:81?q HTTP/1.1")
    assert (head.target, head.host) == (b"/?q", "there:81")
    assert head.lines == b"host: there:81\r\nX: y\r\n"
    with pytest.raises(BadHead):
        request(start="GET http://user@there/ HTTP/1.1")


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /\r\nHost: a\r\n\r\n",
        b"GET / HTTP/0.9\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n",
        b"get / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999999999999\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
def test_what_could_be_read_two_ways_is_refused(head: bytes) -> None:
    with pytest.raises(BadHead):
        RequestReader().read(head)


def test_one_reader_reads_request_after_request() -> None:
    reader = RequestReader()
    for method, extra in (("GET", ""), ("POST", "Content-Length: 5\r\n"), ("GET", ""), ("GET", "")):
        head = f"{method} / HTTP/1.1\r\nHost: a\r\n{extra}\r\n".encode()
        assert reader.read(head).method == method
    upgrade = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
    asked = reader.read(upgrade)
    assert asked.upgrade == b"websocket"
    assert asked.lines == b"Host: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
    assert reader.read(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").method == "GET"


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        (("Content-Length: 5",), LengthBody),
        (("Content-Length: 0",), type(None)),
        (("Transfer-Encoding: chunked",), ChunkedBody),
        ((), UntilClose),
    ],
)
def test_body_of_a_response(lines: tuple[str, ...], kind: type) -> None:
    head = read_response(response(*lines), "GET")
    assert isinstance(head.body_reader(), kind)
    assert head.keep_alive is (kind is not UntilClose)
    assert head.is_framed is (kind in (LengthBody, type(None)))


@pytest.mark.parametrize(
    ("method", "start"),
    [("HEAD", "HTTP/1.1 200 OK"), ("GET", "HTTP/1.1 204 X"), ("GET", "HTTP/1.1 304 X")],
)
def test_responses_without_a_body(method: str, start: str) -> None:
    head = read_response(response("Content-Length: 5", start=start), method)
    assert head.body_reader() is None
    assert head.is_framed
    assert (b"Content-Length" in head.lines) is ("204" not in start)


def test_response_lines_are_cut_and_the_status_line_is_of_http11() -> None:
    head = read_response(
        response(
            "Connection: close, X-Hop",
            "X-Hop: 1",
            "X-Request-Id: other",
            "x-aether-refused: not-here",
            "Set-Cookie: a",
            "Set-Cookie: b",
            start="HTTP/1.0 201 Made it",
        ),
        "GET",
    )
    assert (head.status, head.line, head.keep_alive) == (201, b"HTTP/1.1 201 Made it", False)
    assert head.lines == b"Set-Cookie: a\r\nSet-Cookie: b\r\n"
    assert head.aether == {b"x-aether-refused": "not-here"}


@pytest.mark.parametrize(
    "head",
    [
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 999 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: \x00\r\n\r\n",
    ],
)
def test_bad_responses_are_refused(head: bytes) -> None:
    with pytest.raises(BadHead):
        read_response(head, "GET")


def test_the_same_lines_again_are_known_and_others_read_anew() -> None:
    reader = RequestReader()
    block = b" HTTP/1.1\r\nHost: h\r\nX-Request-Id: 1\r\n\r\n"
    first, again = reader.read(b"GET /a" + block), reader.read(b"PUT /b?c" + block)
    assert (again.method, again.target, again.lines) == ("PUT", b"/b?c", first.lines)
    other = reader.read(b"GET /a HTTP/1.1\r\nHost: i\r\nContent-Length: 3\r\n\r\n")
    assert (other.host, other.length, other.request_id) == ("i", 3, "")
    older = RequestReader()
    assert older.read(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").keep_alive
    assert not older.read(b"GET / HTTP/1.0\r\nHost: h\r\n\r\n").keep_alive


def test_every_answer_gets_a_body_reader_of_its_own() -> None:
    reader, head = ResponseReader(), response("Content-Length: 2")
    first, again = reader.read(head, "GET"), reader.read(head, "GET")
    for answer in (first, again):
        body = answer.body_reader()
        assert body is not None
        assert body.feed(b"ok") == (b"ok", b"", True)
    assert reader.read(head, "HEAD").body_reader() is None


def test_the_same_head_again_is_the_same_object() -> None:
    reader, head = RequestReader(), b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
    first = reader.read(head)
    assert reader.read(bytes(bytearray(head))) is first
    assert reader.read(head.replace(b"/a", b"/b")).path == "/b"


@pytest.mark.parametrize(
    "start",
    [
        "GET  /a HTTP/1.1",
        "GET /a  HTTP/1.1",
        "GET /a HTTP/1.2",
        "GET /a\x7f HTTP/1.1",
        "GET /a#b HTTP/1.1",
        "get /a HTTP/1.1",
        "GET\t/a HTTP/1.1",
        "GET /a",
        "GET /a?b#c HTTP/1.1",
        "GET /a\x00 HTTP/1.1",
    ],
)
def test_known_lines_do_not_make_a_bad_request_line_good(start: str) -> None:
    reader, block = RequestReader(), b"\r\nHost: h\r\n\r\n"
    reader.read(b"GET /a HTTP/1.1" + block)
    with pytest.raises(BadHead):
        reader.read(start.encode() + block)


@pytest.mark.parametrize(
    ("name", "shadowed"),
    [
        ("Content_Length", "7"),
        ("content_LENGTH", "7"),
        ("Transfer_Encoding", "chunked"),
        ("X_Forwarded_For", "9.9.9.9"),
        ("X-Forwarded_For", "9.9.9.9"),
        ("X_Aether_Slice", "a:b"),
        ("x-aether_instance", "a:b"),
        ("X_Request_Id", "q"),
        ("Proxy_Authorization", "q"),
        ("X_Real_IP", "9.9.9.9"),
        ("Content_Type", "text/plain"),
    ],
)
@pytest.mark.parametrize("door", [INSIDE, OUTSIDE])
def test_names_that_a_gateway_would_take_for_a_known_header_are_dropped(
    name: str, shadowed: str, door: Door
) -> None:
    head = request(f"{name}: {shadowed}", "my_own: 1", door=door)
    assert name.lower().encode() not in head.lines.lower()
    assert b"my_own: 1" in head.lines
    assert (head.length, head.aether.get(b"x-aether-slice"), head.request_id) == (0, None, "")


def test_counts_of_headers_and_lengths_of_targets_are_bounded() -> None:
    request(*(f"a{number}: b" for number in range(MAX_HEADERS - 1)))
    with pytest.raises(BadHead, match="256 headers") as many:
        request(*(f"a{number}: b" for number in range(MAX_HEADERS)))
    assert many.value.status == 431
    request(start=f"GET /{'a' * (MAX_TARGET_BYTES - 1)} HTTP/1.1")
    with pytest.raises(BadHead, match="8192 bytes") as long:
        request(start=f"GET /{'a' * MAX_TARGET_BYTES} HTTP/1.1")
    assert long.value.status == 414


def test_other_expectations_than_to_go_on_are_refused() -> None:
    with pytest.raises(BadHead, match="100-continue") as problem:
        request("Expect: a-miracle")
    assert problem.value.status == 417
    old = b"GET / HTTP/1.0\r\nExpect: a-miracle\r\n\r\n"
    assert not RequestReader().read(old).expects_continue


@pytest.mark.parametrize("host", ["a b", "a@b", 'a"b', "a/b", "a, b", "a\\b", "a?b"])
def test_a_host_is_one_host(host: str) -> None:
    with pytest.raises(BadHead, match="one host"):
        request(f"Host: {host}")


@pytest.mark.parametrize(
    ("lines", "upgrade"),
    [
        (("Connection: Upgrade", "Upgrade: WebSocket"), b"websocket"),
        (("Connection: keep-alive, upgrade", "Upgrade: x/2"), b"x/2"),
        (("Upgrade: websocket",), b""),
        (("Connection: upgrade", "Upgrade: h2c", "HTTP2-Settings: AAA"), b""),
        (("Connection: upgrade", "Upgrade: websocket, h2c"), b""),
        (("Connection: upgrade", "Upgrade: HTTP/2.0"), b""),
        (("Connection: upgrade", "Upgrade: websocket", "Content-Length: 3"), b""),
    ],
)
def test_protocols_to_switch_to(lines: tuple[str, ...], upgrade: bytes) -> None:
    head = request(*lines)
    assert head.upgrade == upgrade
    hop = b"connection: upgrade\r\nupgrade: " + upgrade + b"\r\n" if upgrade else b""
    length = b"Content-Length: 3\r\n" if head.length else b""
    assert head.lines == b"Host: h\r\n" + length + hop


def test_announced_trailers_are_announced_again() -> None:
    head = request(
        "Transfer-Encoding: chunked",
        "Trailer: X-Sum, Host, x_odd",
        "TE: trailers",
        start="PUT / HTTP/1.1",
    )
    assert (head.trailers, head.takes_trailers) == (frozenset({b"x-sum"}), True)
    assert head.lines == (
        b"Host: h\r\nconnection: te\r\nte: trailers\r\ntrailer: x-sum\r\ntransfer-encoding: chunked\r\n"
    )
    body = head.body_reader()
    assert body.feed(b"0\r\nx-sum: 1\r\nHost: evil\r\n\r\n") == (b"", b"", True)
    assert body.trailers == b"x-sum: 1\r\n"


def test_sound_trace_context_travels_on_and_other_does_not() -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    head = request(f"Traceparent: {parent}", "tracestate: a=b")
    assert head.traceparent == parent.encode()
    assert head.lines.endswith(f"traceparent: {parent}\r\ntracestate: a=b\r\n".encode())
    broken = request("traceparent: 00-1-2-3", "tracestate: a=b")
    assert (broken.traceparent, broken.lines) == (b"", b"Host: h\r\n")
