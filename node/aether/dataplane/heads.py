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

from aether.dataplane.framing import BodyReader, ChunkedBody, LengthBody, UntilClose

_END_HERE = (
    rb"connection|keep-alive|proxy-[^:\r\n]*|te|trailer|transfer-encoding|upgrade|expect"
    rb"|x-request-id|x-forwarded-for|x-forwarded-proto|x-forwarded-host|x-aether-[^:\r\n]*"
)
_READ_ONLY = rb"content-length|host"
_LINES = re.compile(rb"\r\n(" + _END_HERE + rb"|" + _READ_ONLY + rb"):([^\r\n]*)")
_KEPT = frozenset({b"content-length", b"host"})
_REQUEST_ID = re.compile(rb"[\x21-\x7e]{1,128}")
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: [^\r\n]*)?")
_HARMLESS_OPTIONS = frozenset({b"", b"close", b"keep-alive", b"upgrade", b"te"})
_MAX_OPTIONS = 16
_REMEMBERED_BYTES = 4096
"""Longest header lines kept from one message to the next on a connection."""
_CHUNKED = -1
_UNTIL_CLOSE = -2
HEAD_END = b"\r\n\r\n"


class BadHead(ValueError):
    """Bytes that are not a head this router passes on; the message is for the sender."""


class RequestHead(msgspec.Struct, frozen=True, gc=False):
    """What the router needs of a request's head, and the lines it passes on.

    A struct of msgspec and not a dataclass because one is built for every request.
    """

    method: str
    target: bytes
    """Path and query as they came."""
    path: str
    """Path without the query, not percent-decoded."""
    lines: bytes
    """Header lines to pass on, each with its line end."""
    length: int
    """Announced length of the body; -1 for a chunked one."""
    keep_alive: bool
    is_http11: bool
    expects_continue: bool
    host: str
    request_id: str
    """The client's, when it is sane; else empty."""
    forwarded: dict[bytes, bytes]
    """The `x-forwarded-…` headers that came, by lower-case name."""
    aether: dict[bytes, str]
    """The `x-aether-…` headers that came, by lower-case name."""

    @property
    def has_body(self) -> bool:
        """Whether bytes of a body follow."""
        return self.length != 0

    def body_reader(self) -> BodyReader:
        """Return what cuts this request's body out of the stream."""
        return ChunkedBody() if self.length < 0 else LengthBody(self.length)


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

    def body_reader(self) -> BodyReader | None:
        """Return what cuts the body out of the stream; None when no body follows."""
        if self.length == _CHUNKED:
            return ChunkedBody()
        if self.length == _UNTIL_CLOSE:
            return UntilClose()
        return LengthBody(self.length) if self.length else None


class _Found:
    """The interesting lines of one head."""

    __slots__ = ("aether", "cuts", "forwarded", "head", "values")

    def __init__(self, head: bytes) -> None:
        self.head = head
        self.values: dict[bytes, bytes] = {}
        self.forwarded: dict[bytes, bytes] = {}
        self.aether: dict[bytes, str] = {}
        self.cuts: list[tuple[int, int]] = []
        for line in _LINES.finditer(head.lower()):
            name = line[1]
            value = head[line.start(2) : line.end(2)].strip(b" \t")
            if name not in _KEPT:
                self.cuts.append((line.start() + 2, line.end() + 2))
            if name.startswith(b"x-aether-"):
                self.aether[name] = value.decode("latin-1")
            elif name.startswith(b"x-forwarded-"):
                self._add(self.forwarded, name, value)
            else:
                self._add(self.values, name, value)

    @staticmethod
    def _add(values: dict[bytes, bytes], name: bytes, value: bytes) -> None:
        values[name] = values[name] + b", " + value if name in values else value

    def options(self) -> list[bytes]:
        """Return the lower-case options of the Connection header."""
        value = self.values.get(b"connection")
        if not value:
            return []
        options = [each.strip(b" \t") for each in value.lower().split(b",")]
        if len(options) > _MAX_OPTIONS:
            raise BadHead(f"The Connection header holds more than {_MAX_OPTIONS} options.")
        return options

    def kept_lines(self, begin: int, options: list[bytes]) -> bytes:
        """Return the header lines from `begin` without those that end here."""
        head, end = self.head, len(self.head) - 2
        if not self.cuts:
            lines = head[begin:end]
        else:
            parts = []
            for cut_from, cut_to in self.cuts:
                parts.append(head[begin:cut_from])
                begin = cut_to
            parts.append(head[begin:end])
            lines = b"".join(parts)
        for option in options:
            if option not in _HARMLESS_OPTIONS and option not in _KEPT:
                lines = _without(lines, option)
        return lines


def _without(lines: bytes, name: bytes) -> bytes:
    """Return the lines without the header the Connection header named."""
    return re.sub(rb"(?im)^" + re.escape(name) + rb":[^\r\n]*\r\n", b"", lines)


class _Fields(msgspec.Struct, frozen=True, gc=False):
    """What the header lines of a request say, whatever its request line."""

    lines: bytes
    length: int
    keep_alive: bool
    expects_continue: bool
    host: bytes | None
    request_id: str
    forwarded: dict[bytes, bytes]
    aether: dict[bytes, str]


class RequestReader:
    """Reads the request heads of one connection, one after the other.

    A client mostly sends the same header lines again and again. llhttp checks them every time;
    what they say is worked out once and kept for as long as they stay the same, byte for byte.
    """

    __slots__ = ("_block", "_fields", "_is_http11", "_parser")

    def __init__(self) -> None:
        self._parser: httptools.HttpRequestParser | None = None
        self._block = b""
        self._fields: _Fields | None = None
        self._is_http11 = True

    def read(self, head: bytes) -> RequestHead:
        """Read a whole head, blank line included; raise BadHead."""
        parser = self._parser or httptools.HttpRequestParser(_NoCallbacks())
        self._parser = None
        upgrade = False
        try:
            parser.feed_data(head)
        except httptools.HttpParserUpgrade:
            upgrade = True
        except httptools.HttpParserError as problem:
            raise BadHead(f"The request is not HTTP/1.1: {problem}.") from problem
        request = self._read(head)
        if request.length == 0 and request.keep_alive and not upgrade:
            self._parser = parser  # only now does llhttp stand at the begin of a message
        return request

    def _read(self, head: bytes) -> RequestHead:
        line_end = head.index(b"\r\n")
        parts = head[:line_end].split(b" ")
        if len(parts) != 3 or parts[2] not in (b"HTTP/1.1", b"HTTP/1.0"):
            raise BadHead("The request line is not METHOD TARGET HTTP/1.1.")
        is_http11 = parts[2] == b"HTTP/1.1"
        block = head[line_end:]
        fields = self._fields
        if fields is None or block != self._block or is_http11 is not self._is_http11:
            fields = _read_fields(block, is_http11=is_http11)
            if len(block) <= _REMEMBERED_BYTES:
                self._block, self._fields, self._is_http11 = block, fields, is_http11
        return _to_request(parts[0], parts[1], fields, is_http11=is_http11)


class _NoCallbacks:
    """llhttp only checks; nothing is called back."""


def _read_fields(block: bytes, *, is_http11: bool) -> _Fields:
    """Read the header lines; `block` begins with the line end before them."""
    found = _Found(block)
    options = found.options()
    request_id = found.values.get(b"x-request-id", b"")
    return _Fields(
        lines=found.kept_lines(2, options),
        length=_request_length(found.values, is_http11=is_http11),
        # A client of HTTP/1.0 is answered and left: it asks for more in too many dialects.
        keep_alive=is_http11 and b"close" not in options,
        expects_continue=is_http11 and found.values.get(b"expect", b"").lower() == b"100-continue",
        host=found.values.get(b"host"),
        request_id=request_id.decode("ascii") if _REQUEST_ID.fullmatch(request_id) else "",
        forwarded=found.forwarded,
        aether=found.aether,
    )


def _to_request(method: bytes, target: bytes, fields: _Fields, *, is_http11: bool) -> RequestHead:
    host, lines = fields.host, fields.lines
    if not target.startswith(b"/"):
        target, host, lines = _to_origin_form(target, host, lines)
    if b"#" in target:
        raise BadHead("The request's target has a fragment, which stays with the client.")
    if is_http11 and (host is None or b"," in host):
        raise BadHead("An HTTP/1.1 request carries one Host header.")
    return RequestHead(
        method=method.decode("ascii"),
        target=target,
        path=target.partition(b"?")[0].decode("ascii", "replace"),
        lines=lines,
        length=fields.length,
        keep_alive=fields.keep_alive,
        is_http11=is_http11,
        expects_continue=fields.expects_continue,
        host=(host or b"").decode("latin-1"),
        request_id=fields.request_id,
        forwarded=fields.forwarded,
        aether=fields.aether,
    )


def _to_origin_form(
    target: bytes, host: bytes | None, lines: bytes
) -> tuple[bytes, bytes | None, bytes]:
    """Turn `http://host/path` into path and host, as RFC 9112 §3.2.2 asks of every server."""
    if not target.lower().startswith((b"http://", b"https://")):
        return target, host, lines  # `*` and the like: no route fits, whatever the host
    authority, slash, rest = target.partition(b"://")[2].partition(b"/")
    if not slash and b"?" in authority:
        authority, _, query = authority.partition(b"?")
        rest = b"?" + query
    if not authority or b"@" in authority:
        raise BadHead("The request's target has no host in it.")
    return b"/" + rest, authority, b"host: " + authority + b"\r\n" + _without(lines, b"host")


def _request_length(values: dict[bytes, bytes], *, is_http11: bool) -> int:
    coding, length = values.get(b"transfer-encoding"), values.get(b"content-length")
    if coding is None:
        if length is None:
            return 0
        if not length.isdigit() or len(length) > 15:
            raise BadHead("The Content-Length is not a number of bytes.")
        return int(length)
    if length is not None:
        raise BadHead("The request carries both Content-Length and Transfer-Encoding.")
    if coding.lower() != b"chunked" or not is_http11:
        raise BadHead("The only Transfer-Encoding taken is chunked, in HTTP/1.1.")
    return -1


class ResponseReader:
    """Reads the response heads of one connection; a head equal to the last one is known already."""

    __slots__ = ("_head", "_method", "_read")

    def __init__(self) -> None:
        self._head = b""
        self._method = ""
        self._read: ResponseHead | None = None

    def read(self, head: bytes, request_method: str) -> ResponseHead:
        """Read a whole response head, blank line included; raise BadHead."""
        known = self._read
        if known is not None and head == self._head and request_method == self._method:
            return known
        response = read_response(head, request_method)
        if len(head) <= _REMEMBERED_BYTES:
            self._head, self._method, self._read = head, request_method, response
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
    found = _Found(head)
    options = found.options()
    is_bodiless = request_method == "HEAD" or status < 200 or status in (204, 304)
    length = 0 if is_bodiless else _response_length(found.values)
    lines = found.kept_lines(line_end + 2, options)
    if status == 204:
        lines = _without(lines, b"content-length")
    return ResponseHead(
        status=status,
        line=b"HTTP/1.1" + head[8:line_end],
        lines=lines,
        length=length,
        is_framed=length >= 0,
        keep_alive=status_line[1] == b"1" and b"close" not in options and length != _UNTIL_CLOSE,
        aether=found.aether,
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
