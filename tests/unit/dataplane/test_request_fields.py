"""What header lines say of a request, whatever its request line."""

import pytest

from aether.dataplane.forwarded import INSIDE
from aether.dataplane.header_lines import BadHead
from aether.dataplane.request_fields import RequestFields, read_fields


def fields(*lines: str, host: bytes | None = None, is_http11: bool = True) -> RequestFields:
    block = "\r\n".join(["", *lines, "", ""]).encode("latin-1")
    return read_fields(block, INSIDE, host, is_http11=is_http11)


def test_a_host_of_the_target_stands_for_the_header() -> None:
    read = fields("Host: a", "X: y", host=b"b:81")
    assert (read.host, read.lines) == ("b:81", b"host: b:81\r\nX: y\r\n")


def test_http10_needs_no_host_and_never_waits_for_a_word() -> None:
    read = fields("Expect: 100-continue", is_http11=False)
    assert (read.host, read.keep_alive, read.expects_continue) == ("", False, False)
    assert read.lines == b""


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (("X: y",), 400),
        (("Host: a b",), 400),
        (("Host: a", "Content-Length: 1", "Transfer-Encoding: chunked"), 400),
        (("Host: a", "Content-Length: x"), 400),
        (("Host: a", "Transfer-Encoding: gzip"), 400),
        (("Host: a", "Expect: more"), 417),
    ],
)
def test_what_is_refused_says_with_which_status(lines: tuple[str, ...], status: int) -> None:
    with pytest.raises(BadHead) as refused:
        fields(*lines)
    assert refused.value.status == status


def test_what_is_ours_to_say_on_the_next_hop() -> None:
    read = fields(
        "Host: a", "Transfer-Encoding: chunked", "TE: trailers, deflate", "Trailer: x-b, x-a"
    )
    assert read.lines == (
        b"Host: a\r\nconnection: te\r\nte: trailers\r\ntrailer: x-a, x-b\r\ntransfer-encoding: chunked\r\n"
    )
    assert (read.length, read.takes_trailers) == (-1, True)
