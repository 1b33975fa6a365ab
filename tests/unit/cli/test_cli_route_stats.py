"""`aether route stats`."""

import json
from typing import Any

from tests.cli_world import Answer, FakeApi, problem
from tests.unit.cli.conftest import Aether

SERIES = {
    "route": "GET /{code}", "slice": "g:links", "version": "1.0.0", "method": "GET", "rate": 12.34,
    "errors": 0.025, "p50_ms": 1.5, "p90_ms": 2.0, "p99_ms": 9.75, "retries": 3,
}  # fmt: skip
ANSWER: dict[str, Any] = {
    "window_s": 10.0,
    "nodes": ["node-1"],
    "silent": [],
    "overflowed": 0,
    "in_flight": [
        {"route": "GET /{code}", "slice": "g:links", "requests": 4},
        {"route": "call", "slice": "g:clicks", "requests": 1},
    ],
    "series": [SERIES],
}


def test_a_line_for_each_series_and_each_route_that_only_waits(
    api: FakeApi, aether: Aether
) -> None:
    api.on("GET", "routes/stats?window=10&cluster=true", Answer(value=ANSWER))
    lines = aether("route", "stats").out.splitlines()
    assert lines[0].split() == [
        "ROUTE", "SLICE", "VERSION", "METHOD", "REQ/S", "ERRORS_%", "P50_MS", "P90_MS", "P99_MS",
        "IN_FLIGHT", "RETRIES",
    ]  # fmt: skip
    assert lines[1].split() == [
        "GET", "/{code}", "g:links", "1.0.0", "GET", "12.3", "2.50", "1.5", "2.0", "9.75", "4", "3",
    ]  # fmt: skip
    assert lines[2].split() == ["call", "g:clicks", *["-"] * 7, "1", "-"]
    assert json.loads(aether("route", "stats", "-o", "json").out) == ANSWER


def test_what_is_asked_for_is_asked(api: FakeApi, aether: Aether) -> None:
    api.on("GET", "routes/stats?window=120&slice=g%3Alinks&idle=true", Answer(value=ANSWER))
    ran = aether("route", "stats", "--window", "2m", "--slice", "g:links", "--this-node", "--idle")
    assert ran.code == 0
    for window in ("3m", "0.5s", "soon"):
        assert aether("route", "stats", "--window", window).code == 2
    api.on("GET", "routes/stats?window=10&cluster=true", problem(503, "starting", "unavailable"))
    assert aether("route", "stats").code == 5


def test_what_is_left_out_is_said(api: FakeApi, aether: Aether) -> None:
    silent = [{"node": "node-2", "problem": "did not answer"}]
    nothing = {"route": "", "slice": ""}
    told = {**ANSWER, "silent": silent, "overflowed": 5, "series": [{**SERIES, **nothing}]}
    api.on("GET", "routes/stats?window=10&cluster=true", Answer(value=told))
    ran = aether("route", "stats")
    assert "node-2 is left out: did not answer" in ran.err
    assert "5 requests are counted under no name of their own" in ran.err
    assert "(no route)" in ran.out
