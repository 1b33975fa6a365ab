"""The heads the router sends on: what it adds to a request for an instance and to its answer."""

import itertools
import secrets

from aether.dataplane.heads import RequestHead, ResponseHead

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_START = secrets.token_hex(6)
_COUNT = itertools.count(1)


def new_request_id() -> str:
    """Return an id no other request has: random per process, then counted."""
    return f"{_START}-{next(_COUNT):x}"


def request_lines(
    head: RequestHead, request_id: str, *, client: str | None, keep: tuple[bytes, ...]
) -> bytes:
    """Return the head for an instance, without its closing blank line.

    `client` is the address of a client from outside, None when another router or host is asking,
    whose `x-forwarded-…` are then passed on. Of the `x-aether-…` headers only those in `keep` are.
    """
    parts = [
        f"{head.method} ".encode("ascii"),
        head.target,
        b" HTTP/1.1\r\n",
        head.lines,
        f"x-request-id: {request_id}\r\n".encode("ascii"),
    ]
    if head.length < 0:
        parts.append(b"transfer-encoding: chunked\r\n")
    if client is not None:
        parts.append(_forwarded_for_outside(head, client))
    else:
        parts.extend(b"%b: %b\r\n" % item for item in head.forwarded.items())
    parts.extend(
        f"{name.decode('ascii')}: {head.aether[name]}\r\n".encode("latin-1")
        for name in keep
        if name in head.aether
    )
    return b"".join(parts)


def _forwarded_for_outside(head: RequestHead, client: str) -> bytes:
    """Say who asked: appended to what the client claims; protocol and host are ours to tell."""
    claimed = head.forwarded.get(b"x-forwarded-for")
    chain = f"{claimed.decode('latin-1')}, {client}" if claimed else client
    return (
        f"x-forwarded-for: {chain}\r\nx-forwarded-proto: http\r\nx-forwarded-host: {head.host}\r\n"
    ).encode("latin-1")


def response_head(
    head: ResponseHead, request_id: str, instance: str, *, chunked: bool, close: bool
) -> bytes:
    """Return the whole head for the client."""
    added = f"x-request-id: {request_id}\r\nx-aether-instance: {instance}\r\n".encode("latin-1")
    framing = b"transfer-encoding: chunked\r\n" if chunked else b""
    ending = b"connection: close\r\n\r\n" if close else b"\r\n"
    return b"%b\r\n%b%b%b%b" % (head.line, head.lines, added, framing, ending)
