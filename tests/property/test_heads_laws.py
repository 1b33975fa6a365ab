"""Laws of reading heads: what is passed on is what was checked, whatever a client makes up."""

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from aether.dataplane.forwarded import Door
from aether.dataplane.header_lines import BadHead
from aether.dataplane.heads import RequestHead, RequestReader

NAMES = st.sampled_from(
    [
        "Content-Length",
        "Content_Length",
        "Transfer-Encoding",
        "Connection",
        "Upgrade",
        "TE",
        "Trailer",
        "Expect",
        "X-Aether-Slice",
        "x_aether_instance",
        "X-Forwarded-For",
        "X_Forwarded_For",
        "Forwarded",
        "X-Request-Id",
        "Traceparent",
        "Cookie",
        "X-Own",
        "Host",
    ]
)
VALUES = st.sampled_from(
    [
        "",
        "0",
        "5",
        "5, 5",
        "chunked",
        "close, x-own",
        "cookie, content-length",
        "upgrade",
        "websocket",
        "h2c",
        "trailers",
        "x-sum, host",
        "100-continue",
        "a:b",
        "9.9.9.9",
        'for="',
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "\u00fc",
    ]
)
LINES = st.lists(st.tuples(NAMES, VALUES), max_size=8)
STARTS = st.sampled_from(
    [
        "GET /a?b HTTP/1.1",
        "POST /a HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "GET http://b/c HTTP/1.1",
        "PUT /a HTTP/1.0",
        "GET /a#b HTTP/1.1",
        "GET /\x80 HTTP/1.1",
        "MKCOL /a HTTP/1.1",
    ]
)


def wire(start: str, lines: list[tuple[str, str]]) -> bytes:
    fields = "".join(f"{name}: {value}\r\n" for name, value in [("Host", "h"), *lines])
    return f"{start}\r\n{fields}\r\n".encode("latin-1")


def outside() -> Door:
    return Door(is_public=True, client="10.0.0.1")


def read(reader: RequestReader, data: bytes) -> RequestHead | str:
    try:
        return reader.read(data)
    except BadHead as problem:
        return str(problem)


def names(head: RequestHead) -> list[bytes]:
    return [line.partition(b":")[0].lower() for line in head.lines.split(b"\r\n")[:-1]]


@given(STARTS, STARTS, LINES, LINES)
def test_what_a_reader_knows_changes_nothing(
    start: str, other: str, lines: list[tuple[str, str]], others: list[tuple[str, str]]
) -> None:
    warm = RequestReader(outside())
    for before in (wire(other, lines), wire(other, others), wire(start, lines)):
        with contextlib.suppress(BadHead):
            warm.read(before)
    data = wire(start, lines)
    assert read(warm, data) == read(RequestReader(outside()), data)


@given(STARTS, LINES)
def test_one_framing_is_passed_on_and_it_is_the_one_that_was_read(
    start: str, lines: list[tuple[str, str]]
) -> None:
    head = read(RequestReader(outside()), wire(start, lines))
    if isinstance(head, str):
        return
    lengths = names(head).count(b"content-length")
    codings = names(head).count(b"transfer-encoding")
    assert (lengths, codings) in ((0, 0), (1, 0), (0, 1))
    assert (head.length < 0) is bool(codings)
    assert lengths or head.length <= 0


@given(STARTS, LINES)
def test_a_client_from_outside_cannot_speak_for_us(
    start: str, lines: list[tuple[str, str]]
) -> None:
    head = read(RequestReader(outside()), wire(start, lines))
    if isinstance(head, str):
        return
    assert not [name for name in names(head) if name.replace(b"_", b"-").startswith(b"x-aether-")]
    assert names(head).count(b"x-forwarded-for") == names(head).count(b"forwarded") == 1
    assert names(head).count(b"host") == 1
    told = {
        name.lower(): value
        for name, _, value in (line.partition(b": ") for line in head.lines.split(b"\r\n")[:-1])
    }
    assert told[b"x-forwarded-for"].endswith(b"10.0.0.1")
    assert told[b"forwarded"].rpartition(b"for=")[2].startswith(b"10.0.0.1")
    assert told[b"x-forwarded-proto"] == b"http"


@given(STARTS, LINES)
def test_what_is_said_once_on_the_next_hop_is_heard_there_the_same(
    start: str, lines: list[tuple[str, str]]
) -> None:
    """A router of the mesh, which gets our head, reads the same request out of it."""
    head = read(RequestReader(outside()), wire(start, lines))
    if isinstance(head, str):
        return
    again = RequestReader().read(head.line + head.lines + b"\r\n")
    assert (again.line, again.length, again.host) == (head.line, head.length, head.host)
    assert (again.upgrade, again.trailers) == (head.upgrade, head.trailers)
    assert again.takes_trailers == head.takes_trailers
    assert again.traceparent == head.traceparent
    assert sorted(names(again)) == sorted(names(head))
