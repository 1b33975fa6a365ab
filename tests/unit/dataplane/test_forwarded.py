"""Who asked, as the next one is told."""

import pytest

from aether.dataplane.forwarded import INSIDE, Door, said_of_client
from aether.dataplane.header_lines import HeaderLines


def said(door: Door, *lines: str, host: bytes = b"h") -> dict[str, str]:
    found = HeaderLines("\r\n".join(["", *lines, "", ""]).encode("latin-1"), door.keep)
    pairs = (
        line.partition(": ") for line in said_of_client(door, found, host).decode().split("\r\n")
    )
    return {name: value for name, _, value in pairs if name}


def test_a_client_from_outside_is_named() -> None:
    door = Door(is_public=True, client="10.0.0.1", scheme="https")
    assert said(door, "X-Forwarded-Proto: gopher", "X-Forwarded-Host: evil") == {
        "x-forwarded-for": "10.0.0.1",
        "x-forwarded-proto": "https",
        "x-forwarded-host": "h",
        "forwarded": 'for=10.0.0.1;host="h";proto=https',
    }


def test_what_it_claims_stands_before_what_we_know() -> None:
    told = said(
        Door(is_public=True, client="2001:db8::1"),
        "X-Forwarded-For: 1.2.3.4",
        "Forwarded: for=1.2.3.4",
    )
    assert told["x-forwarded-for"] == "1.2.3.4, 2001:db8::1"
    assert told["forwarded"] == 'for=1.2.3.4, for="[2001:db8::1]";host="h";proto=http'


@pytest.mark.parametrize("claimed", ['for="', 'for="a\\"', 'for="a", for="'])
def test_an_open_quotation_does_not_swallow_us(claimed: str) -> None:
    told = said(Door(is_public=True, client="10.0.0.1"), f"Forwarded: {claimed}")
    assert told["forwarded"] == 'for=10.0.0.1;host="h";proto=http'


def test_a_trusted_proxy_knows_protocol_and_host() -> None:
    door = Door(is_public=True, client="10.0.0.1", is_trusted=True)
    told = said(door, "X-Forwarded-Proto: https", "X-Forwarded-Host: shop.example")
    assert told["x-forwarded-proto"] == "https"
    assert told["x-forwarded-host"] == "shop.example"
    assert told["forwarded"].endswith('host="shop.example";proto=https')
    odd = said(door, 'X-Forwarded-Proto: a"b;c')
    assert odd["forwarded"].endswith("proto=http")


def test_one_of_us_is_passed_on_as_it_says() -> None:
    assert said(INSIDE, "X-Forwarded-For: 1.2.3.4") == {}
    found = HeaderLines(b"\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n", INSIDE.keep)
    assert found.passed_on([]) == b"X-Forwarded-For: 1.2.3.4\r\n"
