"""The heads the router sends on: what it adds to a request for an instance and to its answer.

A head is joined from as few pieces as can be, because this happens twice for every request: what
stays the same from one message to the next on a connection is joined once and kept.
"""

import itertools
import secrets
from enum import Enum
from functools import lru_cache

from aether.core.dataplane.table import Endpoint
from aether.core.dataplane.trace_context import read_traceparent
from aether.dataplane.header_lines import without
from aether.dataplane.heads import RequestHead, ResponseHead

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_ENDINGS = {
    (False, False): b"\r\n\r\n",
    (False, True): b"\r\nconnection: close\r\n\r\n",
    (True, False): b"\r\ntransfer-encoding: chunked\r\n\r\n",
    (True, True): b"\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n",
}
"""By (is chunked, closes)."""

_START = f"{secrets.token_hex(6)}-"
_COUNT = itertools.count(1)
_MOST_KEPT = 4096


def new_request_id() -> str:
    """Return an id no other request has: random per process, then counted."""
    return f"{_START}{next(_COUNT)}"  # decimal: hexadecimal takes twice as long


TRACE = b"\r\ntraceparent: "


class Travels(Enum):
    """What becomes of the `traceparent` of a request."""

    AS_IT_CAME = 0
    """It travels on as it came: its trace is not sampled."""
    MADE = 1
    """There is none, or none that is sound: a new trace begins here."""
    REWRITTEN = 2
    """Its trace is sampled, and what is asked from here on hangs below a span of the router."""


def request_start(head: RequestHead) -> tuple[bytes, Travels]:
    """Return a head for an instance up to the value of its request id, and what is done about its trace.

    Only one that is passed on has its `traceparent` there.
    """
    lines = head.lines
    parent = read_traceparent(head.traceparent)
    travels = Travels.AS_IT_CAME
    if parent is None:
        travels = Travels.MADE
        if head.traceparent:
            lines = without(without(lines, b"traceparent"), b"tracestate")
    elif parent.is_sampled:
        travels = Travels.REWRITTEN
        lines = without(lines, b"traceparent")
    return b"%b%bx-request-id: " % (head.line, lines), travels


class AnswerStart:
    """The head of an answer up to the value of its request id, and what it was made of."""

    __slots__ = ("bytes", "endpoint", "head", "notices", "version")

    def __init__(self, head: ResponseHead, endpoint: Endpoint, notices: bytes) -> None:
        self.head = head
        self.endpoint = endpoint
        self.notices = notices
        self.version = endpoint.instance.version
        self.bytes = b"%b\r\n%b%bx-aether-instance: %b\r\nx-request-id: " % (
            head.line,
            head.lines,
            notices,
            endpoint.instance.encode("ascii"),
        )


@lru_cache(maxsize=_MOST_KEPT)
def lines_for_peer(instance: str) -> bytes:
    """Return the lines that tell a peer router which instance is meant, and the head's end."""
    return b"x-aether-instance: %b\r\nx-aether-hops: 1\r\n\r\n" % instance.encode("ascii")


def ending_of(asked: RequestHead, head: ResponseHead, *, chunked: bool, closes: bool) -> bytes:
    """Return what follows the request id in the head of an answer.

    A chunked one names its trailers to a client that said it reads them.
    """
    ending = _ENDINGS[chunked, closes]
    if not (chunked and asked.takes_trailers and head.trailers):
        return ending
    return b"\r\ntrailer: " + b", ".join(sorted(head.trailers)) + ending


def switch_lines(protocol: bytes) -> bytes:
    """Return the end of the head of a 101, to stand after a line without its end."""
    return b"\r\nconnection: upgrade\r\nupgrade: %b\r\n\r\n" % protocol
