"""`aether blueprint history|show|diff|reapply`."""

import json

from tests.cli_world import Answer, FakeApi, page, problem
from tests.unit.cli.conftest import Aether

ROW = {
    "generation": 2, "id": "g:app:1.1.0", "current": True, "slices": 2, "added": 1, "instances": 3,
    "applied_by": "api:anonymous", "applied_at_ms": 1_700_000_000_000,
}  # fmt: skip


def test_history_says_who_applied_what_when(api: FakeApi, aether: Aether) -> None:
    api.on("GET", "blueprints/g:app/history", page(ROW, {**ROW, "generation": 1, "current": False}))
    lines = aether("blueprint", "history", "g:app").out.splitlines()
    assert lines[0].split()[:3] == ["GENERATION", "BLUEPRINT", "SLICES"]
    assert "2023-11-14T22:13:20.000Z" in lines[1]
    assert lines[1].endswith("*")
    assert lines[2].endswith("-")
    assert json.loads(aether("blueprint", "history", "g:app", "-o", "json").out)[0] == ROW
    api.on("GET", "blueprints/g:no/history", problem(404, "there is no history", "not_found"))
    assert aether("blueprint", "history", "g:no").code == 3


def test_show_prints_a_text_of_now_or_then(api: FakeApi, aether: Aether) -> None:
    api.on("GET", "blueprints/g:app", Answer(value={"source": "now = 1"}))
    api.on("GET", "blueprints/g:app/history/3", Answer(value={"source": "then = 1"}))
    assert aether("blueprint", "show", "g:app").out == "now = 1\n"
    assert aether("blueprint", "show", "g:app", "--generation", "3").out == "then = 1\n"
    assert aether("blueprint", "show", "g:app", "--generation", "0").code == 2
    assert aether("blueprint", "show", "g:app", "--generation", "3", "--at", "7").code == 2


def test_diff_tells_slices_and_values(api: FakeApi, aether: Aether) -> None:
    change = {"slice": "g:a", "name": "instances", "before": 1, "after": 3}
    told = {
        "from": 1, "to": 2, "added": ["g:new:1.0.0"], "removed": ["g:old:1.0.0"],
        "changed": [change], "more": 4,
    }  # fmt: skip
    path = "blueprints/g:app/diff?from=1&to=2"
    api.on("GET", path, Answer(value=told))
    assert aether("blueprint", "diff", "g:app", "1", "2").out.splitlines() == [
        "- g:old:1.0.0",
        "+ g:new:1.0.0",
        "~ g:a instances: 1 → 3",
        "and 4 more values",
    ]
    same = {**told, "added": [], "removed": [], "changed": [], "more": 0}
    api.on("GET", path, Answer(value=same))
    assert "want the same" in aether("blueprint", "diff", "g:app", "1", "2").out


def test_reapply_asks_for_it_and_need_not_wait(api: FakeApi, aether: Aether) -> None:
    applied = {"id": "g:app:1.0.0", "changed": True, "revision": 5, "summary": "generation 4"}
    api.on("POST", "blueprints/g:app/history/2/apply", Answer(value=applied))
    ran = aether("blueprint", "reapply", "g:app", "2", "--detach")
    assert (ran.code, "g:app:1.0.0 applied" in ran.out) == (0, True)
    api.on("POST", "blueprints/g:app/history/3/apply", problem(409, "belongs to", "conflict"))
    assert aether("blueprint", "reapply", "g:app", "3").code == 4
