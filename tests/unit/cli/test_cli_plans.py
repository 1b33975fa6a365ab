"""Plans on the screen, and changes that are made as planned or not at all."""

import json
from pathlib import Path
from typing import Any

import pytest

from aether.cli.plans import plan_lines
from tests.cli_world import Answer, FakeApi, problem
from tests.unit.cli.conftest import Aether

DIGEST = "0123456789abcdef" * 4
STEP = {
    "at_s": 2.5, "verb": "ACTIVATE", "slice": "g:a", "instance": "g:a:1.1.0/0", "node": "n1",
    "why": "it is loaded",
}  # fmt: skip
DIP = {
    "slice": "g:a", "lowest": 1, "usual": 3, "budget": 2, "from_s": 1.0, "to_s": None,
}  # fmt: skip
PLAN: dict[str, Any] = {
    "id": "g:app:1.0.0",
    "changed": True,
    "summary": "generation 2: 1 slices",
    "digest": DIGEST,
    "converged": True,
    "duration_s": 4.25,
    "steps": [{**STEP, "verb": "TARGET", "instance": None, "node": None, "at_s": 0.0}, STEP],
    "slices": [
        {
            "base": "g:a",
            "before": {"version": "1.0.0", "wanted": 3, "active": 3},
            "after": {"version": "1.1.0", "wanted": 3, "active": 3},
            "started": ["g:a:1.1.0/0"],
            "removed": ["g:a:1.0.0/0"],
            "restarted": [],
            "traffic": [
                {"at_s": 0.0, "active": {"1.0.0": 3}},
                {"at_s": 3.0, "active": {"1.0.0": 3, "1.1.0": 1}},
                {"at_s": 4.0, "active": {}},
            ],
        }
    ],
    "placements": {"n1": ["g:a:1.1.0/0", "g:other:1.0.0/0"], "n2": []},
    "dips": [DIP],
    "below_budget": ["g:a goes down to 1 ACTIVE, its budget is 2"],
    "waiting": ["g:a waits for room"],
}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    Path("app.toml").write_text('id = "g:app:1.0.0"\n')
    return "app.toml"


def test_the_screen_of_a_plan() -> None:
    assert plan_lines(PLAN) == [
        "steps:",
        "AT    STEP      WHAT         NODE  WHY",
        "0.0s  TARGET    g:a          -     it is loaded",
        "2.5s  ACTIVATE  g:a:1.1.0/0  n1    it is loaded",
        "",
        "slices:",
        "SLICE  BEFORE        AFTER         STARTED  REMOVED  RESTARTED",
        "g:a    3/3 of 1.0.0  3/3 of 1.1.0  1        1        0",
        "",
        "traffic:",
        "SLICE  FROM  ACTIVE",
        "g:a    0.0s  1.0.0 100% (3)",
        "g:a    3.0s  1.0.0 75% (3), 1.1.0 25% (1)",
        "g:a    4.0s  nobody",
        "",
        "placements:",
        "NODE  HOSTS IN ALL  INSTANCE",
        "n1    2             g:a:1.1.0/0",
        "",
        "fewer ACTIVE than usual:",
        "SLICE  LOWEST  USUAL  BUDGET  FROM  TO",
        "g:a    1       3      2       1.0s  not in sight",
        "",
        "below budget:",
        "  g:a goes down to 1 ACTIVE, its budget is 2",
        "",
        "waiting:",
        "  g:a waits for room",
        "",
        "change:    generation 2: 1 slices",
        "steps:     2",
        "settles:   yes",
        "duration:  about 4.2 s",
        f"digest:    {DIGEST}",
    ]


def test_a_plan_in_which_nothing_happens_is_short() -> None:
    nothing: dict[str, Any] = {
        name: [] for name in ("steps", "slices", "dips", "below_budget", "waiting")
    }
    lines = plan_lines({**PLAN, **nothing, "placements": {}, "converged": False})
    assert len(lines) == 5
    assert lines[2].endswith("no, see waiting")


def test_plan_and_apply_of_a_blueprint(api: FakeApi, aether: Aether, file: str) -> None:
    api.on("POST", "blueprints/plan?source=app.toml", Answer(value=PLAN))
    planned = aether("blueprint", "plan", file, "-o", "json")
    assert (planned.code, json.loads(planned.out)) == (0, PLAN)
    assert aether("blueprint", "plan", file).out.endswith(f"{DIGEST}\n")
    applied = Answer(value={"id": "g:app:1.0.0", "changed": True, "revision": 5, "summary": "one"})
    path = f"blueprints?source=app.toml&plan={DIGEST}"
    api.on("POST", path, applied)
    assert aether("blueprint", "apply", file, "--plan", DIGEST, "--detach").code == 0
    differs = ["not planned, and would happen now: g:a: LOAD g:a:1.1.0/0 on n2"]
    api.on("POST", path, problem(409, "nothing is changed", "plan_changed", problems=differs))
    refused = aether("blueprint", "apply", file, "--plan", DIGEST)
    assert refused.code == 4
    assert "error: nothing is changed\n  not planned, and would" in refused.err
    assert "hint: make the plan again" in refused.err


def test_a_blueprint_that_cannot_be_applied_has_no_plan(
    api: FakeApi, aether: Aether, file: str
) -> None:
    answer = problem(422, "app.toml:1:1: wrong", "blueprint_invalid", problems=["one", "two"])
    api.on("POST", "blueprints/plan?source=app.toml", answer)
    assert aether("blueprint", "plan", file).code == 2


def test_plan_and_scaling_of_a_slice(api: FakeApi, aether: Aether) -> None:
    api.on("POST", "slices/g:a/scale/plan", Answer(value=PLAN))
    assert DIGEST in aether("slice", "scale", "g:a", "3", "--dry-run").out
    assert (api.asked[0].method, api.asked[0].body) == ("POST", b'{"instances": 3}')
    api.on("POST", f"slices/g:a/scale?plan={DIGEST}", Answer(value={"summary": "3 wanted"}))
    ran = aether("slice", "scale", "g:a", "3", "--plan", DIGEST, "--detach")
    assert (ran.code, ran.err) == (0, "3 wanted\n")


def test_plan_and_deletion_of_a_blueprint(api: FakeApi, aether: Aether) -> None:
    api.on("POST", "blueprints/g:app/delete/plan", Answer(value=PLAN))
    api.on("POST", "blueprints/g:app/delete/plan?purge_data=true", Answer(value=PLAN))
    assert DIGEST in aether("blueprint", "delete", "g:app", "--dry-run").out
    assert aether("blueprint", "delete", "g:app", "--dry-run", "--purge-data").code == 0
    deleted = Answer(value={"id": "g:app", "changed": True, "summary": "is deleted"})
    api.on("DELETE", f"blueprints/g:app?plan={DIGEST}", deleted)
    assert aether("blueprint", "delete", "g:app", "--yes", "--detach", "--plan", DIGEST).code == 0
    assert [asked.method for asked in api.asked] == ["POST", "POST", "DELETE"]


@pytest.mark.parametrize("digest", ["", "12"])
@pytest.mark.parametrize(
    "command",
    [
        ("slice", "scale", "g:a", "2"),
        ("node", "drain", "node-1"),
        ("node", "shutdown", "node-1"),
        ("node", "remove", "node-1"),
        ("blueprint", "apply", "app.toml"),
        ("blueprint", "delete", "g:app", "--yes"),
        ("blueprint", "reapply", "g:app", "1"),
    ],
)
def test_what_is_no_digest_asks_nobody(
    api: FakeApi, aether: Aether, file: str, command: tuple[str, ...], digest: str
) -> None:
    assert file == "app.toml"
    ran = aether(*command, "--plan", digest)
    assert ran.code == 2
    assert "no digest of a plan" in ran.err
    assert api.asked == []
