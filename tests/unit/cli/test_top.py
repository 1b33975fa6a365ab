"""`aether top`, once; the live screen is the same drawn again."""

import json
from typing import Any

import pytest

from aether.cli.top import screen, sorted_slices
from tests.cli_world import Answer, FakeApi
from tests.unit.cli.conftest import Aether

NODE: dict[str, Any] = {
    "node": "n-1", "cpu": 0.256, "memory_used": 3, "memory_total": 4, "disk_used": 1,
    "disk_total": 0, "net_in": 2048.0, "net_out": 0.4, "loop_lag_s": 0.0021, "fds": 60,
    "rss": 120_000_000, "instances": 2, "age_s": 0.71,
}  # fmt: skip
SLICE: dict[str, Any] = {
    "slice": "g:a", "instances": 2, "rate": 40.04, "in_flight": 3, "error_share": 0.015,
    "p50_s": 0.0102, "p95_s": 0.2, "p99_s": None, "cpu": 0.25, "rss": 52_428_800.0,
    "retries": 0.0,
}  # fmt: skip
METRICS: dict[str, Any] = {
    "second": 9, "age_s": 0.4, "leader": "n-1", "nodes": [NODE], "slices": [SLICE],
}  # fmt: skip


def test_nodes_and_slices_stand_on_one_screen(api: FakeApi, aether: Aether) -> None:
    api.on("GET", "metrics", Answer(value=METRICS))
    lines = aether("top", "--once").out.splitlines()
    assert lines[0] == "leader n-1; 1 nodes, 1 slices"
    assert lines[3].split() == [
        "n-1", "26", "75", "-", "2", "KiB/s", "0", "B/s", "2.1", "60", "114", "MiB", "2", "0.7",
    ]  # fmt: skip
    assert lines[6].split() == [
        "g:a", "2", "40.0", "3", "1.50", "10.2", "200.0", "-", "0.250", "50", "MiB", "0.0",
    ]  # fmt: skip
    assert json.loads(aether("top", "-o", "json").out) == METRICS


def test_old_figures_are_said_to_be_old() -> None:
    assert screen({**METRICS, "age_s": 9.2, "leader": None}, "rate")[0] == (
        "leader none; 1 nodes, 1 slices; nothing new for 9 s"
    )


@pytest.mark.parametrize(
    ("sort", "order"), [("rate", "bac"), ("cpu", "abc"), ("p99", "cab"), ("name", "abc")]
)
def test_the_largest_stand_first_and_equals_by_name(sort: str, order: str) -> None:
    slices = [
        {**SLICE, "slice": "c", "rate": None, "p99_s": 3.0},
        {**SLICE, "slice": "b", "rate": 9.0},
        {**SLICE, "slice": "a", "rate": 1.0},
    ]
    assert "".join(str(one["slice"]) for one in sorted_slices(slices, sort)) == order
