from dataclasses import replace

import pytest

from aether.core.model.records import TrafficRecord, decode, encode
from aether.core.model.traffic import (
    MAX_RULES,
    MAX_WEIGHTS,
    SplitRule,
    VersionWeight,
    traffic_problems,
)

RULE = SplitRule(version="2.0.0", header="x-beta", value="yes")
SHARE = SplitRule(version="2.0.0", cookie="sid", percent=0.5)


def weights(*given: int) -> list[VersionWeight]:
    return [VersionWeight(version=f"{n}.0.0", weight=weight) for n, weight in enumerate(given)]


def test_what_can_be_kept() -> None:
    assert traffic_problems([], []) == []
    assert traffic_problems(weights(0, 1, 10_000), [RULE, SHARE]) == []


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (weights(-1, 1), "-1 for version '0.0.0'"),
        (weights(10_001), "10001 for version"),
        (weights(0), "every version has weight 0"),
        (weights(1) * 2, "'0.0.0' is given more than one weight"),
        (weights(*[1] * (MAX_WEIGHTS + 1)), "at most"),
    ],
)
def test_weights_that_make_no_sense(given: list[VersionWeight], told: str) -> None:
    (problem,) = traffic_problems(given, [])
    assert told in problem


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        (replace(RULE, header=""), "either header or cookie"),
        (replace(RULE, cookie="sid"), "only one of them"),
        (replace(RULE, value=""), "either value or percent"),
        (replace(RULE, percent=3.0), "only one of them"),
        (replace(RULE, header="X-Beta"), "in lower case"),
        (replace(RULE, header="x beta"), "not the name of a header"),
        (replace(SHARE, cookie="s;d"), "not the name of a cookie"),
        (replace(RULE, value=" yes"), "printable ASCII without blanks around it"),
        (replace(RULE, value="y\nes"), "printable ASCII"),
        (replace(RULE, value="y" * 257), "256 characters at most"),
        (replace(SHARE, percent=100.5), "percent is 100.5"),
        (replace(SHARE, percent=-1.0), "percent is -1"),
        (replace(SHARE, percent=float("nan")), "percent is nan"),
    ],
)
def test_rules_that_make_no_sense(rule: SplitRule, told: str) -> None:
    (problem,) = traffic_problems([], [RULE, rule])
    assert problem.startswith("rules[1] for version '2.0.0': ")
    assert told in problem


def test_rules_are_bounded() -> None:
    assert "at most" in traffic_problems([], [RULE] * (MAX_RULES + 1))[0]


def test_a_record_survives_the_store() -> None:
    record = TrafficRecord(weights=tuple(weights(9, 1)), rules=(RULE, SHARE))
    assert decode(encode(record), TrafficRecord) == record


def test_shares_by_one_name_are_all_the_clients_at_most() -> None:
    half = replace(SHARE, percent=50.0)
    other = replace(half, cookie="", header="x-user")
    assert traffic_problems([], [half, half, other, RULE]) == []
    (problem,) = traffic_problems([], [half, half, replace(SHARE, percent=0.5)])
    assert problem.startswith("rules: 100.5 % of the clients by cookie sid")
