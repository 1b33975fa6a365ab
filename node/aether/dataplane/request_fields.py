"""What the header lines of a request say, and what of them the next hop is told."""

import re

import msgspec

from aether.core.dataplane.trace_context import read_traceparent, sound_tracestate
from aether.dataplane.forwarded import Door, said_of_client
from aether.dataplane.header_lines import BadHead, HeaderLines, without
from aether.dataplane.trailers import NO_TRAILERS, trailer_names

HOST = re.compile(rb"[A-Za-z0-9._~:\[\]%!$&'()*+;=-]*")
"""A host with a port or without, as RFC 3986 spells it; no comma, which would be two of them."""
_REQUEST_ID = re.compile(rb"[\x21-\x7e]{1,128}")
_PROTOCOL = re.compile(rb"[!#-'*+.0-9A-Z^-z|~-]{1,64}(?:/[!#-'*+.0-9A-Z^-z|~-]{1,64})?")
_OTHER_HTTP = (b"h2", b"http", b"tls")
"""Begins of names of protocols a connection is not switched to: the router would not understand it."""


class RequestFields(msgspec.Struct, frozen=True, gc=False):
    """What the header lines of a request say, whatever its request line."""

    lines: bytes
    length: int
    keep_alive: bool
    expects_continue: bool
    host: str
    request_id: str
    aether: dict[bytes, str]
    traceparent: bytes
    """The client's, when it is sound, and then among `lines`; else empty."""
    upgrade: bytes
    trailers: frozenset[bytes]
    takes_trailers: bool


def read_fields(block: bytes, door: Door, host: bytes | None, *, is_http11: bool) -> RequestFields:
    """Read the header lines; `block` begins with the line end before them, `host` overrides."""
    found = HeaderLines(block, door.keep)
    values = found.values
    options = found.options()
    length = _request_length(values, is_http11=is_http11)
    lines = found.passed_on(options)
    if host is None:
        host = values.get(b"host")
    else:
        lines = b"host: " + host + b"\r\n" + without(lines, b"host")
    _check_host(values.get(b"host"), is_http11=is_http11)
    upgrade, trailers, takes_trailers, hop = b"", NO_TRAILERS, False, b""
    if length < 0 or b"upgrade" in values or b"te" in values:
        upgrade = _upgrade(values, options) if is_http11 and not length else b""
        trailers = trailer_names(values.get(b"trailer")) if length < 0 else NO_TRAILERS
        takes_trailers = is_http11 and b"trailers" in values.get(b"te", b"").lower()
        hop = _hop_lines(upgrade, trailers, takes_trailers=takes_trailers, is_chunked=length < 0)
    traceparent, trace = _trace(values)
    return RequestFields(  # in the order of the fields: by name it takes three times as long
        lines + said_of_client(door, found, host or b"") + trace + hop,
        length,
        # A client of HTTP/1.0 is answered and left: it asks for more in too many dialects.
        is_http11 and b"close" not in options,
        _expects_continue(values.get(b"expect"), is_http11=is_http11),
        (host or b"").decode("latin-1"),
        _request_id(values.get(b"x-request-id", b"")),
        found.aether,
        traceparent,
        upgrade,
        trailers,
        takes_trailers,
    )


def _request_id(claimed: bytes) -> str:
    return claimed.decode("ascii") if claimed and _REQUEST_ID.fullmatch(claimed) else ""


def _check_host(host: bytes | None, *, is_http11: bool) -> None:
    if host is None:
        if is_http11:
            raise BadHead("An HTTP/1.1 request carries one Host header.")
    elif HOST.fullmatch(host) is None:
        raise BadHead("The Host header is not one host, with a port or without.")


def _expects_continue(expect: bytes | None, *, is_http11: bool) -> bool:
    """Whether the client waits for a word before it sends its body (RFC 9110 §10.1.1)."""
    if expect is None or not is_http11:
        return False
    if expect.lower() != b"100-continue":
        raise BadHead("The only expectation that is met is 100-continue.", 417)
    return True


def _trace(values: dict[bytes, bytes]) -> tuple[bytes, bytes]:
    """Return the trace context that came, and the lines that pass it on; both empty if unsound."""
    parent = values.get(b"traceparent", b"")
    if not parent or read_traceparent(parent) is None:
        return b"", b""
    state = sound_tracestate(values.get(b"tracestate"))
    lines = b"traceparent: " + parent + b"\r\n"
    return parent, lines + b"tracestate: " + state + b"\r\n" if state else lines


def _upgrade(values: dict[bytes, bytes], options: list[bytes]) -> bytes:
    """Return the protocol a client asks for; one we may ignore (RFC 9110 §7.8) is ignored."""
    wanted = values.get(b"upgrade", b"").lower()
    if b"upgrade" not in options or wanted.startswith(_OTHER_HTTP):
        return b""
    return wanted if _PROTOCOL.fullmatch(wanted) else b""


def _hop_lines(
    upgrade: bytes, trailers: frozenset[bytes], *, takes_trailers: bool, is_chunked: bool
) -> bytes:
    """Return the lines that are ours to say on the next hop."""
    options = ([b"upgrade"] if upgrade else []) + ([b"te"] if takes_trailers else [])
    return b"".join(
        (
            b"connection: " + b", ".join(options) + b"\r\n" if options else b"",
            b"upgrade: " + upgrade + b"\r\n" if upgrade else b"",
            b"te: trailers\r\n" if takes_trailers else b"",
            b"trailer: " + b", ".join(sorted(trailers)) + b"\r\n" if trailers else b"",
            b"transfer-encoding: chunked\r\n" if is_chunked else b"",
        )
    )


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
