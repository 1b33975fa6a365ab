"""Which trailers travel on."""

import pytest

from aether.dataplane.trailers import MAX_TRAILERS, trailer_names


@pytest.mark.parametrize(
    ("announced", "names"),
    [
        (None, set()),
        (b"", set()),
        (b"X-Sum", {b"x-sum"}),
        (b" X-Sum ,\tdigest,, ", {b"x-sum", b"digest"}),
        (b"Content-Length, Transfer-Encoding, Host, Authorization, Set-Cookie", set()),
        (b"x-aether-instance, X-Forwarded-For, Proxy-Authenticate, If-Match", set()),
        (b"content_length, a b, a:b", set()),
    ],
)
def test_only_what_decides_nothing_may_come_late(
    announced: bytes | None, names: set[bytes]
) -> None:
    assert trailer_names(announced) == names


def test_names_are_bounded() -> None:
    announced = b",".join(b"a%d" % number for number in range(1000))
    assert len(trailer_names(announced)) == MAX_TRAILERS
