"""Requests that two readers could read in two ways, and what a router must make of each.

A case ends in one of two ways. Refused: it is answered with `status` and the connection is
closed, and nothing of it reaches an instance. Passed: exactly one request reaches an instance, with
one way at most to tell where its body ends, and its body is `body`.
"""

from dataclasses import dataclass

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
"""What an attacker would have an instance take for a request of its own."""


@dataclass(frozen=True, slots=True)
class Case:
    """One ambiguous request."""

    name: str
    wire: bytes
    status: int
    """Of the answer; 200 when the request is passed on."""
    body: bytes = b""
    target: bytes = b"/x"
    """Target and body as the instance gets them."""
    absent: tuple[bytes, ...] = ()
    """What must not be in the head the instance gets, in lower case."""


def request(
    *lines: bytes, start: bytes = b"POST /x HTTP/1.1", body: bytes = b"", host: bytes = b"Host: a"
) -> bytes:
    """Return a request of the lines given."""
    return b"\r\n".join([start, *([host] if host else []), *lines, b"", b""]) + body


CHUNKED = b"Transfer-Encoding: chunked"
HIDDEN = b"0\r\n\r\n" + SMUGGLED
"""A whole chunked body, and behind it a request."""
LENGTH_OF_HIDDEN = b"Content-Length: %d" % len(HIDDEN)


def _refused(name: str, wire: bytes, status: int = 400) -> Case:
    return Case(name, wire, status)


def _lengths() -> list[Case]:
    def with_length(name: str, value: bytes) -> Case:
        return _refused(name, request(b"Content-Length: " + value, body=b"abc" + SMUGGLED))

    return [
        _refused("length, then coding", request(LENGTH_OF_HIDDEN, CHUNKED, body=HIDDEN)),
        _refused("coding, then length", request(CHUNKED, LENGTH_OF_HIDDEN, body=HIDDEN)),
        _refused(
            "length twice, equal",
            request(b"Content-Length: 3", b"Content-Length: 3", body=b"abc"),
        ),
        _refused(
            "length twice, different",
            request(b"Content-Length: 3", b"Content-Length: 0", body=b"abc"),
        ),
        with_length("length as a list", b"3, 3"),
        with_length("length with a plus", b"+3"),
        with_length("length below nothing", b"-1"),
        with_length("length in hexadecimal", b"0x3"),
        with_length("length with an underscore", b"1_0"),
        with_length("length in other digits", "٣".encode()),
        with_length("length beyond 64 bits", b"%d" % (2**64 + 3)),
        with_length("length of nothing", b""),
        with_length("length with a blank in it", b"3 3"),
        with_length("length with a fraction", b"3.0"),
        _refused("blank before the colon of a length", request(b"Content-Length : 3", body=b"abc")),
        _refused("tab before the colon of a length", request(b"Content-Length\t: 3", body=b"abc")),
        _refused("folded length", request(b"Content-Length:\r\n 3", body=b"abc")),
        Case(
            "length with an underscore in its name",
            request(b"Content-Length: 3", b"Content_Length: 30", body=b"abc"),
            200,
            b"abc",
            absent=(b"content_length",),
        ),
        Case(
            "length nominated by Connection",
            request(b"Connection: content-length", b"Content-Length: 3", body=b"abc"),
            200,
            b"abc",
        ),
        Case(
            "GET with a body that is a request",
            request(b"Content-Length: %d" % len(SMUGGLED), start=b"GET /x HTTP/1.1", body=SMUGGLED),
            200,
            SMUGGLED,
        ),
        Case("leading zeros", request(b"Content-Length: 003", body=b"abc"), 200, b"abc"),
    ]


def _codings() -> list[Case]:
    def with_coding(name: str, *lines: bytes) -> Case:
        return _refused(name, request(*lines, body=HIDDEN))

    coding = b"Transfer-Encoding: "
    return [
        _refused(
            "blank before the colon of a coding",
            request(b"Transfer-Encoding : chunked", body=HIDDEN),
        ),
        with_coding("coding that is nearly chunked", coding + b"xchunked"),
        with_coding("chunked, then another coding", coding + b"chunked, identity"),
        with_coding("another coding, then chunked", coding + b"gzip, chunked"),
        with_coding("no coding and a length", coding + b"identity", LENGTH_OF_HIDDEN),
        with_coding("coding twice", CHUNKED, CHUNKED),
        with_coding("coding twice, different", CHUNKED, coding + b"x"),
        with_coding("chunked, chunked", coding + b"chunked, chunked"),
        with_coding("coding with a control character", coding + b"\x0bchunked"),
        with_coding("coding in quotes", coding + b'"chunked"'),
        with_coding("coding with a parameter", coding + b"chunked;q=1"),
        with_coding("empty coding", coding),
        with_coding("folded coding", b"Transfer-Encoding:\r\n chunked"),
        with_coding("folded other header", b"X: y\r\n\tTransfer-Encoding: chunked", CHUNKED),
        _refused("chunked in HTTP/1.0", request(CHUNKED, start=b"POST /x HTTP/1.0", body=HIDDEN)),
        Case(
            "chunked in mixed case",
            request(b"tRANSFER-eNCODING: cHuNkEd", body=b"3\r\nabc\r\n0\r\n\r\n"),
            200,
            b"abc",
        ),
        Case(
            "coding with an underscore in its name",
            request(b"Transfer_Encoding: chunked", b"Content-Length: 3", body=b"abc"),
            200,
            b"abc",
            absent=(b"transfer_encoding",),
        ),
        Case(
            "GET in chunks",
            request(
                CHUNKED,
                start=b"GET /x HTTP/1.1",
                body=b"%x\r\n%b\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED),
            ),
            200,
            SMUGGLED,
        ),
        Case(
            "coding nominated by Connection",
            request(b"Connection: transfer-encoding", CHUNKED, body=b"3\r\nabc\r\n0\r\n\r\n"),
            200,
            b"abc",
        ),
    ]


def _chunks() -> list[Case]:
    def in_chunks(name: str, body: bytes) -> Case:
        return _refused(name, request(CHUNKED, body=body))

    return [
        in_chunks("line feed in a chunk's extension", b"3;a\nb\r\nabc\r\n0\r\n\r\n"),
        in_chunks("NUL in a chunk's extension", b"3;a\0\r\nabc\r\n0\r\n\r\n"),
        in_chunks("size with 0x", b"0x3\r\nabc\r\n0\r\n\r\n"),
        in_chunks("size below nothing", b"-1\r\nabc\r\n0\r\n\r\n"),
        in_chunks("size with a plus", b"+3\r\nabc\r\n0\r\n\r\n"),
        in_chunks("size beyond 64 bits", b"%x\r\nabc\r\n0\r\n\r\n" % (2**64 + 1)),
        in_chunks("size after a blank", b" 3\r\nabc\r\n0\r\n\r\n"),
        in_chunks("no size", b"\r\nabc\r\n0\r\n\r\n"),
        in_chunks("size with a bare line feed", b"3\nabc\r\n0\r\n\r\n"),
        in_chunks("chunk with a bare line feed", b"3\r\nabc\n0\r\n\r\n"),
        in_chunks("chunk without its line end", b"3\r\nabc0\r\n\r\n"),
        in_chunks("chunk longer than its size", b"3\r\nabcdef\r\n0\r\n\r\n"),
        in_chunks("trailer without a colon", b"0\r\nGET /smuggled HTTP/1.1\r\n\r\n"),
        Case(
            "length in a trailer",
            request(
                CHUNKED,
                b"Trailer: Content-Length",
                body=b"3\r\nabc\r\n0\r\nContent-Length: 9\r\n\r\n",
            ),
            200,
            b"abc",
            absent=(b"content-length", b"trailer"),
        ),
        Case(
            "extension",
            request(CHUNKED, body=b'3;name="value"\r\nabc\r\n0;x\r\n\r\n'),
            200,
            b"abc",
        ),
    ]


def _lines() -> list[Case]:
    return [
        _refused("bare line feed after a header", b"GET /x HTTP/1.1\r\nHost: a\nX: y\r\n\r\n"),
        _refused("bare line feeds throughout", b"GET /x HTTP/1.1\nHost: a\n\r\n\r\n"),
        _refused("bare carriage return in a header", request(b"X: y\rContent-Length: 3")),
        _refused(
            "bare carriage return in the request line", b"GET /x\r HTTP/1.1\r\nHost: a\r\n\r\n"
        ),
        _refused("NUL in a header", request(b"X: y\0z")),
        _refused("NUL in a name", request(b"X\0: y")),
        _refused("header without a colon", request(b"GET /smuggled HTTP/1.1")),
        _refused("header without a name", request(b": y")),
        _refused("fold before the first header", b"GET /x HTTP/1.1\r\n Host: a\r\nX: y\r\n\r\n"),
        _refused("tab in the request line", b"GET\t/x\tHTTP/1.1\r\nHost: a\r\n\r\n"),
        _refused("two blanks in the request line", b"GET  /x HTTP/1.1\r\nHost: a\r\n\r\n"),
        _refused("no protocol in the request line", b"GET /x\r\nHost: a\r\n\r\n"),
        _refused("blank in the target", b"GET /x y HTTP/1.1\r\nHost: a\r\n\r\n"),
        _refused("version that is none", b"GET /x HTTP/1.7\r\nHost: a\r\n\r\n"),
        _refused("head of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        _refused("long list of headers", request(*(b"X%d: y" % at for at in range(2000))), 431),
        _refused("long target", request(start=b"GET /%b HTTP/1.1" % (b"x" * 10240)), 414),
        _refused("endless target", b"GET /" + b"x" * 70_000, 414),
        _refused("endless header", request(b"X: " + b"y" * 70_000), 431),
        Case(
            "long header",
            request(b"X: " + b"y" * 9216, start=b"GET /x HTTP/1.1"),
            200,
        ),
        Case(
            "encoded line end in the target",
            request(start=b"GET /x%0d%0aContent-Length:%203 HTTP/1.1"),
            200,
            target=b"/x%0d%0aContent-Length:%203",
        ),
        Case(
            "encoded way up in the target",
            request(start=b"GET /x/..%2f..%2fy HTTP/1.1"),
            200,
            target=b"/x/..%2f..%2fy",
        ),
    ]


def _hosts() -> list[Case]:
    get = b"GET /x HTTP/1.1"
    return [
        _refused("no host", request(start=get, host=b"")),
        _refused("two hosts", request(b"Host: b", start=get)),
        _refused("two equal hosts", request(b"Host: a", start=get)),
        _refused("host with a path", request(start=get, host=b"Host: a/b")),
        _refused("host with a user", request(start=get, host=b"Host: b@a")),
        Case(
            "target with another host than Host",
            request(start=b"GET http://b/x HTTP/1.1", host=b"Host: a"),
            200,
            absent=(b"host: a",),
        ),
    ]


def _hops() -> list[Case]:
    get = b"GET /x HTTP/1.1"
    return [
        Case(
            "header nominated by Connection",
            request(b"Connection: close, X-Secret", b"X-Secret: 1", start=get),
            200,
            absent=(b"x-secret", b"connection"),
        ),
        Case(
            "switch to HTTP/2",
            request(
                b"Connection: Upgrade, HTTP2-Settings",
                b"Upgrade: h2c",
                b"HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA",
                start=get,
            ),
            200,
            absent=(b"upgrade", b"http2-settings"),
        ),
        Case(
            "switch of protocols with a body",
            request(
                b"Connection: Upgrade", b"Upgrade: websocket", b"Content-Length: 3", body=b"abc"
            ),
            200,
            b"abc",
            absent=(b"upgrade",),
        ),
        Case(
            "expectation to go on",
            request(b"Expect: 100-continue", b"Content-Length: 3", body=b"abc"),
            200,
            b"abc",
            absent=(b"expect",),
        ),
        _refused(
            "expectation nobody knows",
            request(b"Expect: a-miracle", b"Content-Length: 3", body=b"abc"),
            417,
        ),
        Case(
            "address with underscores in its name",
            request(b"X_Forwarded_For: 9.9.9.9", b"X_Aether_Slice: a:b", start=get),
            200,
            absent=(b"x_forwarded_for", b"x_aether_slice", b"9.9.9.9"),
        ),
        Case(
            "headers of ours",
            request(b"X-Aether-Slice: a:b", b"X-Aether-Instance: a:b:1/0", start=get),
            200,
            absent=(b"x-aether",),
        ),
    ]


CASES = [*_lengths(), *_codings(), *_chunks(), *_lines(), *_hosts(), *_hops()]
