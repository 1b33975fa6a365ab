"""Request and response heads: checked by llhttp, read in one pass, cut for forwarding.

A head is not taken apart header by header: one pass of a regular expression finds the few lines
that matter to a proxy, those that end here are cut out, and the rest travels as the bytes that
came. llhttp in its strict default has accepted those bytes first, and a host reads them with the
same parser, so there is no second opinion to smuggle past. Rules for this file: no I/O, no state
but the last head of a connection, which depends on nothing but its bytes.
"""

import re

import httptools
import msgspec

from aether.dataplane.forwarded import INSIDE, Door
from aether.dataplane.framing import BodyReader, ChunkedBody, LengthBody, UntilClose
from aether.dataplane.header_lines import BadHead, HeaderLines, without
from aether.dataplane.request_fields import HOST, RequestFields, read_fields
from aether.dataplane.trailers import NO_TRAILERS, trailer_names

_PLAIN_LINE = re.compile(
    rb"(GET|HEAD|POST|PUT|DELETE|PATCH|OPTIONS) ((/[\x21\x22\x24-\x3e\x40-\x7e]*)(?:\?[\x21\x22\x24-\x7e]*)?) HTTP/1\.([01])"
)
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: [^\r\n]*)?")
_REMEMBERED_BYTES = 4096
"""Longest head kept from one message to the next on a connection."""
MAX_HEADERS = 256
MAX_TARGET_BYTES = 8 * 1024
_CHUNKED = -1
_UNTIL_CLOSE = -2
HEAD_END = b"\r\n\r\n"


class RequestHead(msgspec.Struct, frozen=True, gc=False):
    """What the router needs of a request's head, and the lines it passes on.

    A struct of msgspec and not a dataclass because one is built for every head that is new.
    """

    line: bytes
    """Request line to pass on, with its line end; the target is in origin form."""
    method: str
    target: bytes
    """Path and query as they came."""
    path: str
    """Path without the query, not percent-decoded."""
    lines: bytes
    """Header lines to pass on, each with its line end: all but the request's id."""
    length: int
    """Announced length of the body; -1 for a chunked one."""
    keep_alive: bool
    is_http11: bool
    expects_continue: bool
    host: str
    request_id: str
    """The client's, when it is sane; else empty."""
    aether: dict[bytes, str]
    """The `x-aether-…` headers that came, by lower-case name."""
    traceparent: bytes
    """The client's, when it is sound, and then among `lines`; else empty: a new one is to be made."""
    upgrade: bytes
    """The one protocol the client asks to switch to, in lower case; empty when it does not."""
    trailers: frozenset[bytes]
    """Lower-case names of the trailers the client announced and that may be passed on."""
    takes_trailers: bool
    """Whether the client said that it reads trailers of an answer."""

    @property
    def has_body(self) -> bool:
        """Whether bytes of a body follow."""
        return self.length != 0

    def body_reader(self) -> BodyReader:
        """Return what cuts this request's body out of the stream."""
        return ChunkedBody(self.trailers) if self.length < 0 else LengthBody(self.length)


class ResponseHead(msgspec.Struct, frozen=True, gc=False):
    """What the router needs of a response's head, and the lines it passes on."""

    status: int
    line: bytes
    """Status line without its line end, as HTTP/1.1."""
    lines: bytes
    length: int
    """Of the body in bytes; negative for a chunked one and one that ends with the connection."""
    is_framed: bool
    """Whether `lines` says how long the body is, or there is none."""
    keep_alive: bool
    aether: dict[bytes, str]
    trailers: frozenset[bytes] = NO_TRAILERS
    """Lower-case names of the trailers the instance announced and that may be passed on."""

    def body_reader(self) -> BodyReader | None:
        """Return what cuts the body out of the stream; None when no body follows."""
        if self.length == _CHUNKED:
            return ChunkedBody(self.trailers)
        if self.length == _UNTIL_CLOSE:
            return UntilClose()
        return LengthBody(self.length) if self.length else None


class RequestReader:
    """Reads the request heads of one connection, one after the other.

    A client mostly sends the same header lines again and again, and often the same head. Lines
    llhttp has accepted are as good the next time, byte for byte: what they say is worked out once
    and kept until others come. A request line before known lines is held to a narrower pattern
    than llhttp's; what does not fit it goes the long way.
    """

    __slots__ = ("_block", "_door", "_fields", "_head", "_is_http11", "_parser", "_request")

    def __init__(self, door: Door = INSIDE) -> None:
        self._door = door
        self._parser: httptools.HttpRequestParser | None = None
        self._block = b""
        self._fields: RequestFields | None = None
        self._is_http11 = True
        self._head = b""
        self._request: RequestHead | None = None

    def read(self, head: bytes) -> RequestHead:
        """Read a whole head, blank line included; raise BadHead.

        The same head as the last one gives the same object.
        """
        known = self.known(head)
        if known is not None:
            return known
        line_end = head.find(b"\r\n")
        block = head[line_end:]
        request = self._read_known(head, line_end, block) or self._read_new(head, line_end, block)
        if len(head) <= _REMEMBERED_BYTES:
            self._head, self._request = head, request
        return request

    def known(self, data: bytes) -> RequestHead | None:
        """Return the last head when `data` is it again: looking for its end costs more."""
        return self._request if data == self._head else None

    def _read_known(self, head: bytes, line_end: int, block: bytes) -> RequestHead | None:
        """Read a plain request line before lines that are known; None when either is not so."""
        fields = self._fields
        if fields is None or block != self._block or line_end > MAX_TARGET_BYTES:
            return None
        match = _PLAIN_LINE.fullmatch(head, 0, line_end)
        if match is None:
            return None
        method, target, path, minor = match.groups()
        if (minor == b"1") is not self._is_http11:
            return None
        return _request(method, target, path, fields, is_http11=self._is_http11)

    def _read_new(self, head: bytes, line_end: int, block: bytes) -> RequestHead:
        parts = head[:line_end].split(b" ")
        _check_size(head, parts)
        parser = self._parser or httptools.HttpRequestParser(_NoCallbacks())
        self._parser = None
        switches = False
        try:
            parser.feed_data(head)
        except httptools.HttpParserUpgrade:
            switches = True
        except httptools.HttpParserError as problem:
            raise BadHead(f"The request is not HTTP/1.1: {problem}.") from problem
        if len(parts) != 3 or parts[2] not in (b"HTTP/1.1", b"HTTP/1.0"):
            raise BadHead("The request line is not METHOD TARGET HTTP/1.1.")
        is_http11 = parts[2] == b"HTTP/1.1"
        target, host = _origin_form(parts[1])
        fields = read_fields(block, self._door, host, is_http11=is_http11)
        if host is None and len(block) <= _REMEMBERED_BYTES:
            self._block, self._fields, self._is_http11 = block, fields, is_http11
        if not fields.length and fields.keep_alive and not switches:
            self._parser = parser  # only now does llhttp stand at the begin of a message
        path = target.partition(b"?")[0]
        return _request(parts[0], target, path, fields, is_http11=is_http11)


class _NoCallbacks:
    """llhttp only checks; nothing is called back."""


def _check_size(head: bytes, line: list[bytes]) -> None:
    """Refuse what is within the limit of bytes and still out of proportion."""
    if len(head) > MAX_TARGET_BYTES and len(line) > 1 and len(line[1]) > MAX_TARGET_BYTES:
        raise _target_too_long()
    # The shortest header line has four bytes, and most heads are too short for so many.
    if len(head) > 4 * MAX_HEADERS and head.count(b"\n") - 2 > MAX_HEADERS:
        raise BadHead(f"The request has more than {MAX_HEADERS} headers; send fewer.", 431)


def too_long(begin: bytes, limit: int) -> BadHead:
    """Return the refusal of a head of which so much has come and no end within the limit."""
    if len(begin) > MAX_TARGET_BYTES and begin.find(b"\n", 0, MAX_TARGET_BYTES) < 0:
        return _target_too_long()
    return BadHead(f"The request's head is over {limit} bytes; send fewer or shorter headers.", 431)


def _target_too_long() -> BadHead:
    return BadHead(
        f"The request's target is over {MAX_TARGET_BYTES} bytes; send long values in a body.", 414
    )


def _request(
    method: bytes, target: bytes, path: bytes, fields: RequestFields, *, is_http11: bool
) -> RequestHead:
    return RequestHead(  # in the order of the fields: by name it takes twice as long
        b"%b %b HTTP/1.1\r\n" % (method, target),
        method.decode("ascii"),
        target,
        path.decode("ascii", "replace"),
        fields.lines,
        fields.length,
        fields.keep_alive,
        is_http11,
        fields.expects_continue,
        fields.host,
        fields.request_id,
        fields.aether,
        fields.traceparent,
        fields.upgrade,
        fields.trailers,
        fields.takes_trailers,
    )


def _origin_form(target: bytes) -> tuple[bytes, bytes | None]:
    """Turn `http://host/path` into path and host, as RFC 9112 §3.2.2 asks of every server."""
    if b"#" in target:
        raise BadHead("The request's target has a fragment, which stays with the client.")
    if not target.lower().startswith((b"http://", b"https://")):
        return target, None  # a path; or `*` and the like, which no route fits
    authority, slash, rest = target.partition(b"://")[2].partition(b"/")
    if not slash and b"?" in authority:
        authority, _, query = authority.partition(b"?")
        rest = b"?" + query
    if not authority or HOST.fullmatch(authority) is None:
        raise BadHead("The request's target has no host in it.")
    return b"/" + rest, authority


class ResponseReader:
    """Reads the response heads of one connection; a head equal to the last one is known already."""

    __slots__ = ("_head", "_method", "_read", "size")

    def __init__(self) -> None:
        self._head = b""
        self._method = ""
        self._read: ResponseHead | None = None
        self.size = 0
        """Bytes of the last head that is known."""

    def at_begin_of(self, data: bytes, request_method: str) -> ResponseHead | None:
        """Return the last head when `data` begins with it again: looking for its end costs more."""
        if request_method == self._method and data.startswith(self._head):
            return self._read
        return None

    def read(self, head: bytes, request_method: str) -> ResponseHead:
        """Read a whole response head, blank line included; raise BadHead."""
        known = self._read
        if known is not None and head == self._head and request_method == self._method:
            return known
        response = read_response(head, request_method)
        if len(head) <= _REMEMBERED_BYTES:
            self._head, self._method, self._read = head, request_method, response
            self.size = len(head)
        return response


def read_response(head: bytes, request_method: str) -> ResponseHead:
    """Read a whole response head, blank line included; raise BadHead."""
    try:
        httptools.HttpResponseParser(_NoCallbacks()).feed_data(head)
    except httptools.HttpParserUpgrade:
        pass  # a switch of protocols nobody asked for is refused by its status
    except httptools.HttpParserError as problem:
        raise BadHead(str(problem)) from problem
    line_end = head.index(b"\r\n")
    status_line = _STATUS_LINE.fullmatch(head[:line_end])
    if status_line is None:
        raise BadHead("not a status line of HTTP/1.1")
    status = int(status_line[2])
    found = HeaderLines(head[line_end:])
    options = found.options()
    is_bodiless = request_method == "HEAD" or status < 200 or status in (204, 304)
    length = 0 if is_bodiless else _response_length(found.values)
    lines = found.passed_on(options)
    if status == 204:
        lines = without(lines, b"content-length")
    return ResponseHead(
        status=status,
        line=b"HTTP/1.1" + head[8:line_end],
        lines=lines,
        length=length,
        is_framed=length >= 0,
        keep_alive=status_line[1] == b"1" and b"close" not in options and length != _UNTIL_CLOSE,
        aether=found.aether,
        trailers=trailer_names(found.values.get(b"trailer")),
    )


def _response_length(values: dict[bytes, bytes]) -> int:
    coding, length = values.get(b"transfer-encoding"), values.get(b"content-length")
    if coding is not None:
        if coding.lower() != b"chunked" or length is not None:
            raise BadHead("its framing is neither a length nor chunks")
        return _CHUNKED
    if length is None:
        return _UNTIL_CLOSE
    if not length.isdigit() or len(length) > 15:
        raise BadHead("its Content-Length is not a number")
    return int(length)
