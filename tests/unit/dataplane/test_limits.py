"""Bounds that hang together."""

import resource

from aether.dataplane.limits import Limits, raise_open_files


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
