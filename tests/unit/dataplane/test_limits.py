"""Bounds that hang together."""

import resource
from pathlib import Path

import pytest

from aether.dataplane.heads import MAX_HEADERS, MAX_TARGET_BYTES
from aether.dataplane.limits import Limits, raise_open_files

GUIDE = Path(__file__).parents[3] / "docs" / "guide" / "traffic.md"


def test_client_connections_fit_into_the_open_files() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        clients = raise_open_files()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        assert clients >= 64
        assert hard == before[1]
        assert soft >= before[0]
        assert 2 * clients < soft or clients == 64
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_router_lets_go_of_idle_connections_before_the_other_side_does() -> None:
    limits = Limits()
    assert limits.upstream_idle_s * 2 < limits.idle_s, "a peer's mesh listener is the other side"
    assert limits.upstream_idle_connections <= limits.upstream_connections


@pytest.mark.parametrize(
    ("limit", "value"),
    [
        ("head of a request or an answer", f"{Limits().header_bytes:,} bytes"),
        ("headers of a request", f"{MAX_HEADERS}"),
        ("target of a request", f"{MAX_TARGET_BYTES:,} bytes"),
        ("from the first byte of a head to its last", f"{Limits().header_s:g} s"),
        ("silence between two requests", f"{Limits().idle_s:g} s"),
        (
            f"rate of a body, on the average, after its first {Limits().body_grace_s:g} s",
            f"{Limits().least_bytes_per_s:g} bytes/s",
        ),
        (
            "rate at which a client takes an answer it is behind with, looked at every "
            f"{Limits().stall_s:g} s",
            f"{Limits().least_bytes_per_s:g} bytes/s",
        ),
        ("requests sent ahead while one is answered", f"{Limits().pipeline_bytes:,} bytes"),
        (
            "connections of one address, or one IPv6 /64",
            f"`router.address_connections`, {Limits().address_clients:,}",
        ),
    ],
)
def test_the_guide_tells_the_limits_there_are(limit: str, value: str) -> None:
    rows = [line.split(" | ") for line in GUIDE.read_text().splitlines() if line.startswith("| ")]
    told = {row[0].removeprefix("| "): row[1] for row in rows if len(row) > 1}
    assert told[limit] == value


@pytest.mark.parametrize(("clients", "most"), [(4096, 1024), (448, 336), (2, 1), (1, 1)])
def test_one_address_never_gets_all_there_is(clients: int, most: int) -> None:
    assert Limits(clients=clients).most_of_address == most
