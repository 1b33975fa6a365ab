"""`aether trace`: a list, and a tree with branches."""

import json
from typing import Any

from tests.cli_world import Answer, FakeApi, problem
from tests.unit.cli.conftest import Aether

TRACE = "0af7651916cd43dd8448eb211c80319c"


def leaf(kind: str, name: str, depth: int, **fields: Any) -> dict[str, Any]:
    given = {
        "id": "b" * 16, "parent": "", "kind": kind, "name": name, "depth": depth, "node": "node-1",
        "process": "router 0", "slice": "g:a", "to": "", "status": 0, "problem": "", "began": 1.0,
        "offset_ms": 0.5, "ms": 2.5, "own_ms": 1.5, "waited_ms": 1.0, "lost": False,
    }  # fmt: skip
    return given | fields


SHOWN: dict[str, Any] = {
    "trace": TRACE,
    "lost": 0,
    "left_out": 0,
    "silent": [],
    "spans": [
        leaf("request", "GET /x", 0, status=200),
        leaf("attempt", "g:a:1/0", 1, problem="lost"),
        leaf("handle", "GET /x", 2),
        leaf("part", "think", 3),
        leaf("attempt", "g:a:1/1", 1),
        leaf("handle", "GET /x", 2),
    ],
}


def test_a_tree_is_drawn_with_its_branches(api: FakeApi, aether: Aether) -> None:
    api.on("GET", f"traces/{TRACE}", Answer(value=SHOWN))
    lines = aether("trace", "show", TRACE).out.splitlines()
    begins = [line.split("  ")[0].rstrip() for line in lines[1:]]
    assert begins[0] == "request GET /x"
    assert lines[2].startswith("├─ attempt g:a:1/0")
    assert lines[3].startswith("│  └─ handle GET /x")
    assert lines[4].startswith("│     └─ part think")
    assert lines[5].startswith("└─ attempt g:a:1/1")
    assert lines[6].startswith("   └─ handle GET /x")
    assert lines[2].endswith("lost")
    assert json.loads(aether("trace", "show", TRACE, "-o", "json").out) == SHOWN


def test_what_is_missing_is_said(api: FakeApi, aether: Aether) -> None:
    silent = [{"node": "node-2", "problem": "did not answer"}]
    lost = leaf("handle", "GET /y", 0, lost=True)
    told = SHOWN | {"lost": 1, "left_out": 7, "silent": silent, "spans": [lost]}
    api.on("GET", f"traces/{TRACE}", Answer(value=told))
    ran = aether("trace", "show", TRACE)
    assert "node-2 is left out: did not answer" in ran.err
    assert "1 spans name a parent that is not there" in ran.err
    assert "7 more spans are left out" in ran.err
    assert "(its parent is not there)" in ran.out


def test_a_list_asks_as_it_is_told(api: FakeApi, aether: Aether) -> None:
    row = {
        "trace": TRACE, "began": 1772366400.25, "seconds": 0.2513, "name": "GET /x", "slice": "g:a",
        "status": 502, "problem": "", "node": "node-1", "retries": 1, "spans": 9, "kept": True,
    }  # fmt: skip
    found = {"items": [row], "silent": []}
    api.on("GET", "traces?slice=g%3Aa&errors=true&slower_than=0.2&limit=20", Answer(value=found))
    ran = aether("trace", "list", "--slice", "g:a", "--errors", "--slower-than", "200ms")
    assert ran.out.splitlines()[1].split() == [
        "2026-03-01T12:00:00.250Z", TRACE, "GET", "/x", "g:a", "502", "251.3", "1", "9", "node-1", "-",
    ]  # fmt: skip


def test_a_trace_nobody_knows_is_exit_code_3(api: FakeApi, aether: Aether) -> None:
    api.on("GET", f"traces/{TRACE}", problem(404, "no node knows it", "not_found"))
    assert aether("trace", "show", TRACE).code == 3
