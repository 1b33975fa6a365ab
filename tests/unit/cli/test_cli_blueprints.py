"""`aether blueprint …`."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli_world import Answer, Asked, FakeApi, page, problem
from tests.unit.cli.conftest import Aether

APPLIED = Answer(
    value={"id": "g:app:1.0.0", "changed": True, "revision": 5, "summary": "generation 1: 1 slices"}
)
STATUS = "blueprints/g:app/status"


def status(state: str, active: int = 0, *reasons: str) -> Answer:
    instance = {
        "instance": "g:a:1.0.0/0",
        "node": "node-1",
        "desired": "ACTIVATE",
        "phase": "ACTIVE" if active else "FAILED",
        "failure": reasons[0] if reasons else "",
    }
    slice_ = {
        "base": "g:a", "version": "1.0.0", "owner": "g:app", "wanted": 1, "active": active,
        "instances": [instance], "reasons": list(reasons),
    }  # fmt: skip
    return Answer(value={"id": "g:app:1.0.0", "generation": 1, "state": state, "slices": [slice_]})


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    Path("app.toml").write_text('id = "g:app:1.0.0"\n')
    return "app.toml"


def test_list_and_get(api: FakeApi, aether: Aether) -> None:
    row = {
        "id": "g:app:1.0.0", "generation": 2, "state": "DEPLOYED", "slices": 1, "wanted": 3,
        "active": 3,
    }  # fmt: skip
    api.on("GET", "blueprints?limit=1000", page(row))
    assert aether("blueprint", "list").out.splitlines()[1].split() == [
        "g:app:1.0.0", "2", "DEPLOYED", "1", "3", "3",
    ]  # fmt: skip
    api.on("GET", "blueprints/g:app", Answer(value={"id": "g:app:1.0.0", "source": "a = 1\nb = 2"}))
    assert aether("blueprint", "get", "g:app").out == "a = 1\nb = 2\n"
    assert json.loads(aether("blueprint", "get", "g:app", "-o", "json").out)["source"]


def test_status_shows_slices_instances_and_reasons(api: FakeApi, aether: Aether) -> None:
    api.on("GET", STATUS, status("FAILED", 0, "it broke"))
    out = aether("blueprint", "status", "g:app").out
    assert "state:       FAILED" in out
    assert "g:a:1.0.0/0  node-1  ACTIVATE  FAILED  it broke" in out
    assert out.endswith("why:\n  it broke\n")
    degraded = status("DEGRADED", 1)
    told = "g:a serves without g:b, which has no active instance"
    degraded.value["slices"][0]["degraded"] = [told]
    api.on("GET", STATUS, degraded)
    assert aether("blueprint", "status", "g:app").out.endswith(f"\ndegraded:\n  {told}\n")
    assert aether("blueprint", "status", "g:none").code == 3
    assert aether("blueprint", "status", "g:app:1.0.0").code == 2


def test_validate(api: FakeApi, aether: Aether, file: str) -> None:
    path = "blueprints/validate?source=app.toml"
    api.on("POST", path, Answer(value={"valid": True, "id": "g:app:1.0.0", "summary": "1 slices"}))
    assert aether("blueprint", "validate", file).out == "app.toml is valid: 1 slices\n"
    problems = ["app.toml:1:1: id: wrong", "app.toml:2:1: slices: missing"]
    api.on("POST", path, problem(422, "\n".join(problems), "blueprint_invalid", problems=problems))
    ran = aether("blueprint", "validate", file)
    assert (ran.code, ran.out) == (2, "")
    assert all(f"  {text}\n" in ran.err for text in problems)


def test_apply_waits_until_it_is_deployed(api: FakeApi, aether: Aether, file: str) -> None:
    api.on("POST", "blueprints?source=app.toml", APPLIED)
    api.on("GET", STATUS, status("DEPLOYING", 0), status("DEPLOYED", 1))
    ran = aether("blueprint", "apply", file)
    assert (ran.code, ran.out) == (0, "g:app:1.0.0 DEPLOYED\n")
    assert ran.err.splitlines() == [
        "generation 1: 1 slices",
        "g:a:1.0.0 0/1 serve",
        "DEPLOYING",
        "g:a:1.0.0 1/1 serve",
        "DEPLOYED",
    ]
    assert api.asked[0] == Asked(
        "POST", "/api/v1/blueprints?source=app.toml", b'id = "g:app:1.0.0"\n'
    )
    quiet = aether("blueprint", "apply", file, "-q", "-o", "json")
    assert json.loads(quiet.out)["state"] == "DEPLOYED"
    assert quiet.err == ""


def test_apply_tells_why_it_failed(api: FakeApi, aether: Aether, file: str) -> None:
    api.on("POST", "blueprints?source=app.toml", APPLIED)
    api.on("GET", STATUS, status("FAILED", 0, "it broke"))
    ran = aether("blueprint", "apply", file, "-o", "json")
    assert ran.code == 1
    assert json.loads(ran.out)["state"] == "FAILED"
    assert "error: blueprint g:app FAILED\n  it broke\n" in ran.err
    assert "aether blueprint status g:app" in ran.err


def test_apply_says_how_to_look_on_when_time_ran_out(
    api: FakeApi, aether: Aether, file: str
) -> None:
    api.on("POST", "blueprints?source=app.toml", APPLIED)
    api.on("GET", STATUS, status("DEPLOYING", 0))
    ran = aether("blueprint", "apply", file, "--timeout", "0.2s")
    assert (ran.code, ran.out) == (5, "")
    assert "hint: look again: aether blueprint status g:app" in ran.err


def test_apply_detached_and_from_standard_input(
    api: FakeApi, aether: Aether, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a = 1")))
    api.on("POST", "blueprints?source=stdin", APPLIED)
    ran = aether("blueprint", "apply", "-", "--detach", "-o", "json")
    assert (ran.code, json.loads(ran.out)) == (0, APPLIED.value)
    assert [asked.body for asked in api.asked] == [b"a = 1"]


def test_apply_of_what_is_deleted_meanwhile(api: FakeApi, aether: Aether, file: str) -> None:
    api.on("POST", "blueprints?source=app.toml", APPLIED)
    api.on("GET", STATUS, problem(404, "there is no blueprint", "not_found"))
    ran = aether("blueprint", "apply", file, "--timeout", "60s")
    assert ran.code == 4
    assert "g:app:1.0.0 was deleted by somebody else meanwhile" in ran.err


def test_a_file_that_is_not_there(aether: Aether) -> None:
    ran = aether("blueprint", "apply", "nowhere.toml")
    assert (ran.code, ran.out) == (2, "")
    assert "nowhere.toml: No such file" in ran.err


DELETED = Answer(value={"id": "g:app", "changed": True, "revision": 9, "summary": "is deleted"})


def test_delete_waits_until_nothing_is_left(api: FakeApi, aether: Aether) -> None:
    api.on("DELETE", "blueprints/g:app?purge_data=true", DELETED)
    api.on("GET", STATUS, status("REMOVING", 1), problem(404, "gone", "not_found"))
    ran = aether("blueprint", "delete", "g:app", "--yes", "--purge-data")
    assert (ran.code, ran.out) == (0, "g:app deleted\n")
    assert "REMOVING" in ran.err


def test_delete_detached_refused_and_undone_by_others(api: FakeApi, aether: Aether) -> None:
    api.on("DELETE", "blueprints/g:app", DELETED)
    assert "is being deleted" in aether("blueprint", "delete", "g:app", "--yes", "--detach").out
    api.on("GET", STATUS, status("DEPLOYED", 1))
    undone = aether("blueprint", "delete", "g:app", "--yes")
    assert (undone.code, "applied again" in undone.err) == (4, True)
    api.on("DELETE", "blueprints/g:app", problem(409, "g:other needs it", "conflict"))
    assert aether("blueprint", "delete", "g:app", "--yes").code == 4


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("typed", "code", "deleted"), [("y\n", 0, True), ("n\n", 1, False), ("", 130, False)]
)
def test_delete_asks_on_a_terminal(
    api: FakeApi,
    aether: Aether,
    monkeypatch: pytest.MonkeyPatch,
    typed: str,
    code: int,
    deleted: bool,
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    api.on("DELETE", "blueprints/g:app", DELETED)
    ran = aether("blueprint", "delete", "g:app", "--detach")
    assert ran.code == code
    assert "Delete blueprint g:app (`aether blueprint reapply` brings it back)?" in ran.err
    assert bool(api.asked) is deleted


def test_delete_without_a_terminal_needs_yes(
    api: FakeApi, aether: Aether, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    ran = aether("blueprint", "delete", "g:app")
    assert (ran.code, "--yes" in ran.err, api.asked) == (2, True, [])
    assert "reapply` brings it back" in ran.err
    purging = aether("blueprint", "delete", "g:app", "--purge-data")
    assert (purging.code, "its data, which nothing brings back" in purging.err) == (2, True)


def test_answers_of_another_shape(api: FakeApi, aether: Aether, file: str) -> None:
    api.on("POST", "blueprints?source=app.toml", APPLIED)
    odd: Any = {"state": 1}
    api.on("GET", STATUS, Answer(value=odd))
    ran = aether("blueprint", "apply", file)
    assert (ran.code, "is not a blueprint's status" in ran.err) == (1, True)
