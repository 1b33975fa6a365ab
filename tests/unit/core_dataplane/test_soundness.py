"""What is wrong with a row is said in a sentence that names the row and the value."""

from dataclasses import replace
from typing import Any

import pytest
from msgspec.structs import replace as replace_row

from aether.core.dataplane.rows import RouteRow, SlicePolicy
from aether.core.dataplane.soundness import (
    is_host,
    policy_problems,
    route_problems,
    row_problems,
    unix_seconds,
)
from aether.core.model.ids import SliceBase
from aether.core.model.traffic import SplitRule, VersionWeight

BASE = SliceBase("org.example:links")
ROW = RouteRow(method="GET", pattern="/x", slice=BASE)
POLICY = SlicePolicy(slice=BASE)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"host": "Example.org"}, "host 'Example.org' is not a lower-case name"),
        ({"host": "example.org:80"}, "host 'example.org:80' is not"),
        ({"attempts": 0}, "attempts is 0, it must be at least 1"),
        ({"hedge_after_s": -1.0}, "hedge_after_s is -1.0, it must be 0 or more"),
        ({"rate": float("inf")}, "rate is inf"),
        ({"rate": float("nan")}, "rate is nan"),
        ({"burst": -2}, "burst is -2"),
        ({"auth": "basic"}, "auth is 'basic', it must be empty or 'internal'"),
        ({"api_version": "1\r\nx: y"}, "api_version '1\\r\\nx: y' is not of visible"),
        ({"api_version": "v" * 129}, "is not of visible ASCII characters, 128 at most"),
        ({"deprecated": "soon"}, "deprecated 'soon' is not a date such as 2026-12-31"),
        ({"sunset": "2026-13-01"}, "sunset '2026-13-01' is not a date"),
    ],
)
def test_what_is_wrong_with_a_route_is_named(change: dict[str, Any], sentence: str) -> None:
    (problem,) = route_problems([replace_row(ROW, **change)])
    assert problem.startswith("route GET /x")
    assert sentence in problem


def test_a_row_that_uses_everything_is_sound() -> None:
    row = replace_row(
        ROW,
        host="*.example.org",
        attempts=1,
        hedge_after_s=0.05,
        rate=12.5,
        burst=100,
        auth="internal",
        api_version="2026-01",
        deprecated="2026-12-31",
        sunset="2027-06-30T12:00:00+02:00",
    )
    assert list(row_problems(row)) == []


def test_the_same_pattern_on_another_host_is_another_route() -> None:
    rows = [ROW, replace_row(ROW, host="a.org"), replace_row(ROW, host="*.a.org")]
    assert list(route_problems(rows)) == []
    (problem,) = route_problems([*rows, replace_row(ROW, host="a.org", timeout_s=1.0)])
    assert problem == "route GET /x of a.org matches the same paths as GET /x of a.org"


@pytest.mark.parametrize(
    "host", ["a", "example.org", "*.example.org", "10.0.0.1", "[::1]", "a_b.c"]
)
def test_hosts(host: str) -> None:
    assert is_host(host)


@pytest.mark.parametrize(
    "host", ["", "*", "*.", "a.*.b", "a..b", ".a", "a.", "-a", "A", "a:1", "a b", "a/b", "a" * 256]
)
def test_what_is_no_host(host: str) -> None:
    assert not is_host(host)


@pytest.mark.parametrize(
    ("date", "seconds"),
    [
        ("1970-01-01", 0),
        ("1970-01-02T00:00:00Z", 86_400),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1970-01-01T00:00:10", 10),
        ("yesterday", None),
        ("2026-02-30", None),
        ("", None),
    ],
)
def test_dates(date: str, seconds: int | None) -> None:
    assert unix_seconds(date) == seconds


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"balance": "luck"}, "balance is 'luck', it must be one of round_robin, least_pending"),
        ({"affinity": "x"}, "affinity 'x' is not header:NAME, cookie:NAME or path:PARAMETER"),
        ({"affinity": "path:1"}, "affinity 'path:1' is not"),
        ({"affinity": "header:a b"}, "affinity 'header:a b' is not"),
        ({"concurrency": -1}, "concurrency is -1"),
        ({"slow_start_s": float("nan")}, "slow_start_s is nan"),
        ({"weights": (VersionWeight(version="1.0.0", weight=-1),)}, "weights: -1 for version"),
        ({"rules": (SplitRule(version="1.0.0"),)}, "rules[0] for version '1.0.0'"),
    ],
)
def test_what_is_wrong_with_a_policy_is_named(change: dict[str, Any], sentence: str) -> None:
    problems = list(policy_problems([replace(POLICY, **change)]))
    assert all(problem.startswith("policy of org.example:links") for problem in problems)
    assert any(sentence in problem for problem in problems)


def test_a_policy_is_there_once() -> None:
    assert list(policy_problems([POLICY])) == []
    assert list(policy_problems([POLICY, POLICY])) == [
        "policy of org.example:links is listed twice"
    ]
