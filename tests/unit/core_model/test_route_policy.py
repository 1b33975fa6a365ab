from typing import Any

import msgspec
import pytest

from aether.core.model.records import Route
from aether.core.model.route_policy import is_host, policy_problems, read_routes

ROUTE = Route(method="GET", pattern="/x")


def changed(**values: Any) -> Route:  # any field, any value
    return msgspec.structs.replace(ROUTE, **values)


def test_a_plain_route_is_in_order() -> None:
    assert policy_problems(ROUTE) == []
    whole = changed(
        host="*.example.org", attempts=1, hedge_after_s=0.2, rate=0.5, burst=3, auth="internal",
        api_version="2026-01", deprecated="2026-12-31", sunset="2026-12-31",
    )  # fmt: skip
    assert policy_problems(whole) == []


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"timeout_s": 0.0}, "timeout is 0 s"),
        ({"timeout_s": float("nan")}, "timeout is nan s"),
        ({"timeout_s": 3601.0}, "at most 3600"),
        ({"body_limit": -1}, "body_limit is -1"),
        ({"attempts": 0}, "attempts is 0"),
        ({"attempts": 11}, "1 to 10"),
        ({"hedge_after_s": 30.0}, "shorter than the time-out of 30 s"),
        ({"hedge_after_s": -1.0}, "above 0"),
        ({"method": "POST", "hedge_after_s": 1.0}, "for GET only, not for POST"),
        ({"rate": -1.0}, "rate is -1"),
        ({"rate": float("nan")}, "rate is nan"),
        ({"rate": 1.0, "burst": -1}, "burst is -1"),
        ({"burst": 5}, "no rate"),
        ({"host": "a b"}, "host 'a b'"),
        ({"host": "Shop.example.org"}, "should look like"),
        ({"auth": "admin"}, "auth is 'admin'"),
        ({"api_version": "2\r\n"}, "api_version"),
        ({"deprecated": "soon"}, "deprecated 'soon'"),
        ({"sunset": "2026-02-30"}, "sunset '2026-02-30'"),
        ({"deprecated": "2027-01-01", "sunset": "2026-01-01"}, "is before deprecated"),
    ],
)
def test_what_no_router_could_keep_is_named(values: dict[str, Any], told: str) -> None:
    (problem,) = policy_problems(changed(**values))
    assert problem.startswith(f"route {changed(**values).method} /x: ")
    assert told in problem


@pytest.mark.parametrize("host", ["a", "shop.example.org", "*.example.org", "10.0.0.1", "x-1.org"])
def test_hosts(host: str) -> None:
    assert is_host(host)


@pytest.mark.parametrize(
    "host", ["", "*", "*.", "a..b", "-a.org", "a-.org", "a.*.org", "a:80", "é.org", "a/b", "a\n"]
)
def test_no_hosts(host: str) -> None:
    assert not is_host(host)


def test_routes_of_a_host_are_read_only_when_all_are_in_order() -> None:
    plain = {"method": "GET", "pattern": "/x", "host": "a.org"}
    assert read_routes([plain]) == (changed(host="a.org"),)
    assert read_routes(()) == ()
    with pytest.raises(ValueError, match="host 'a b'"):
        read_routes([plain, {**plain, "host": "a b"}])
    with pytest.raises(ValueError, match="not a"):
        read_routes([{**plain, "rate": "fast"}])
