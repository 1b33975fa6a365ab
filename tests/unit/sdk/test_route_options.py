from typing import Any

import pytest

from aether.sdk.route_options import Options, read_options


def problem_of(method: str, **given: Any) -> str:  # values of the wrong type are the point
    with pytest.raises(ValueError, match=r"\S") as raised:
        read_options(method, **given)
    return str(raised.value)


def test_nothing_given_is_the_defaults() -> None:
    assert read_options("POST") == Options()


@pytest.mark.parametrize(
    ("written", "seconds"), [(2, 2.0), (0.5, 0.5), ("500ms", 0.5), ("5s", 5.0), ("1m", 60.0)]
)
def test_a_length_of_time_is_seconds_or_text(written: Any, seconds: float) -> None:
    assert read_options("GET", timeout=written).timeout_s == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("timeout", 0),
        ("timeout", "0s"),
        ("timeout", "5 s"),
        ("timeout", True),
        ("timeout", None),
        ("timeout", 3601),
        ("timeout", "9" * 500 + "s"),
        ("timeout", float("nan")),
        ("timeout", 10**400),
        ("body_limit", -1),
        ("body_limit", 1.5),
        ("attempts", 0),
        ("attempts", 11),
        ("attempts", True),
        ("rate", 0),
        ("rate", float("inf")),
        ("rate", "fast"),
        ("host", "Example.org:80"),
        ("host", "a b"),
        ("host", "example.org/x"),
        ("host", "*"),
        ("host", "x" * 254),
        ("host", 7),
        ("internal", 1),
        ("api_version", ""),
        ("api_version", "1\r\nx: y"),
        ("deprecated", "2026-13-01"),
        ("deprecated", "20261231"),
        ("sunset", "next year"),
        ("color", "red"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name_and_value(name: str, value: Any) -> None:
    told = problem_of("GET", **{name: value})
    assert name in told
    assert name == "color" or repr(value)[:40] in told


def test_all_that_is_wrong_is_told_at_once() -> None:
    told = problem_of("POST", timeout=-1, attempts=99, hedge_after=1, burst=3)
    for part in ("timeout=-1", "attempts=99", "hedge_after=1 is for GET only", "burst=3"):
        assert part in told


def test_a_hedge_is_shorter_than_the_time_out() -> None:
    assert "shorter than the time-out" in problem_of("GET", timeout=1, hedge_after="1s")
    assert read_options("GET", hedge_after="1s").hedge_after_s == 1.0


def test_a_route_does_not_end_before_it_is_deprecated() -> None:
    told = problem_of("GET", deprecated="2027-01-01", sunset="2026-12-31")
    assert "sunset='2026-12-31' is before deprecated='2027-01-01'" in told
