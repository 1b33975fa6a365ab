"""`aether metric …`."""

import json

from tests.cli_world import Answer, FakeApi, problem
from tests.unit.cli.conftest import Aether

CPU = {
    "name": "node.cpu", "about": "node", "kind": "gauge", "unit": "share", "help": "cores in use",
    "over": "mean",
    "values": [{"subject": f"n-{number}", "value": number / 10} for number in range(6)],
}  # fmt: skip
HISTORY = {
    "metric": "node.cpu",
    "unit": "share",
    "step_s": 1,
    "items": [
        {"subject": "n-1", "points": [{"at": "t", "value": value} for value in (0.1, 0.5, 0.3)]},
        {"subject": "n-2", "points": []},
    ],
}
CALLS = {
    "nodes": ["n-1"], "silent": [{"node": "n-2", "problem": "no answer"}], "window_s": 60,
    "items": [{
        "slice": "g:a", "version": "1.0.0", "route": "GET /x", "method": "GET", "requests": 9,
        "rate": 0.15, "errors": 0.5, "retries": 0, "mean_ms": 2.0, "p50_ms": 1.0, "p95_ms": 3.0,
        "p99_ms": None,
    }],
}  # fmt: skip


def test_the_catalogue_shows_some_values_and_how_many_more(api: FakeApi, aether: Aether) -> None:
    api.on("GET", "metrics/catalogue", Answer(value={"second": 1, "items": [CPU]}))
    lines = aether("metric", "list").out.splitlines()
    assert lines[0].split() == ["METRIC", "KIND", "UNIT", "NOW", "MEANING"]
    assert "n-0=0, n-1=0.1, n-2=0.2, n-3=0.3, and 2 more" in lines[1]
    assert lines[1].endswith("cores in use")


def test_one_metric_shows_every_subject(api: FakeApi, aether: Aether) -> None:
    api.on("GET", "metrics/catalogue?metric=node.cpu", Answer(value={"items": [CPU]}))
    lines = aether("metric", "list", "node.cpu").out.splitlines()
    assert [line.split() for line in lines[:3]] == [
        ["SUBJECT", "VALUE", "UNIT"],
        ["n-0", "0", "share"],
        ["n-1", "0.1", "share"],
    ]
    api.on("GET", "metrics/catalogue?metric=x", problem(404, "there is no metric", "not_found"))
    assert aether("metric", "list", "x").code == 3


def test_a_course_is_drawn_with_its_bounds(api: FakeApi, aether: Aether) -> None:
    path = "metrics/history?metric=node.cpu&subject=n-1&range=600&step=10"
    api.on("GET", path, Answer(value=HISTORY))
    ran = aether("metric", "history", "node.cpu", "n-1", "--step", "10")
    assert ran.out.splitlines()[1].split() == ["n-1", "0.1", "0.3", "0.5", "0.3", "▁█▄"]
    assert ran.out.splitlines()[2].split() == ["n-2", *["-"] * 5]
    as_json = aether("metric", "history", "node.cpu", "n-1", "--step", "10", "-o", "json")
    assert json.loads(as_json.out) == HISTORY
    for wrong in ("3h", "0.1s"):
        assert aether("metric", "history", "node.cpu", "--range", wrong).code == 2


def test_calls_and_slow_calls_name_silent_nodes(api: FakeApi, aether: Aether) -> None:
    api.on("GET", "invocations?window=60", Answer(value=CALLS))
    ran = aether("metric", "calls")
    assert "n-2 is left out: no answer" in ran.err
    assert ran.out.splitlines()[1].split() == [
        "g:a", "1.0.0", "GET", "/x", "GET", "9", "0.15", "50.00", "1.0", "3.0", "-", "0",
    ]  # fmt: skip
    slow = {
        "at": "2030-01-01T00:00:00.000+00:00", "slice": "g:a", "version": "1.0.0", "status": 200,
        "route": "GET /x", "ms": 900.0, "slow_after_ms": 300.0, "trace": "abc", "instance": "i",
    }  # fmt: skip
    api.on(
        "GET", "invocations/slow?slice=g%3Aa&limit=5", Answer(value={"silent": [], "items": [slow]})
    )
    shown = aether("metric", "slow", "--slice", "g:a", "--limit", "5").out.splitlines()[1].split()
    assert shown[-4:] == ["900.0", "300.0", "abc", "i"]
