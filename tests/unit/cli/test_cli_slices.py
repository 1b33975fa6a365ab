"""`aether slice …`."""

import json
from pathlib import Path

import pytest

from tests.cli_world import Answer, Asked, FakeApi, page, problem
from tests.unit.cli.conftest import Aether


def slice_status(wanted: int, *phases: str) -> Answer:
    instances = [
        {
            "instance": f"g:a:1.0.0/{number}",
            "node": "node-1",
            "desired": "ACTIVATE",
            "phase": phase,
            "failure": "broken" if phase == "FAILED" else "",
        }
        for number, phase in enumerate(phases)
    ]
    active = phases.count("ACTIVE")
    reasons = [] if active == wanted else [f"{active} of {wanted} instances serve"]
    return Answer(
        value={
            "base": "g:a", "version": "1.0.0", "owner": "g:app", "wanted": wanted,
            "active": active, "instances": instances, "reasons": reasons,
        }
    )  # fmt: skip


def scaled(instances: int) -> Answer:
    summary = f"g:a goes from 1 to {instances} instances"
    return Answer(value={"base": "g:a", "changed": True, "revision": 7, "summary": summary})


def test_list_and_get(api: FakeApi, aether: Aether) -> None:
    row = {"base": "g:a", "version": "1.0.0", "wanted": 2, "active": 1, "owner": "g:app"}
    api.on("GET", "slices?limit=1000", page(row))
    assert aether("slice", "list").out.splitlines()[1].split() == [
        "g:a",
        "1.0.0",
        "2",
        "1",
        "g:app",
    ]
    api.on("GET", "slices/g:a", slice_status(2, "ACTIVE", "FAILED"))
    out = aether("slice", "get", "g:a").out
    assert "blueprint:  g:app" in out
    assert "g:a:1.0.0/1  node-1  ACTIVATE  FAILED  broken" in out
    assert out.endswith("why:\n  1 of 2 instances serve\n")
    told = "g:a serves without g:b, which has no active instance"
    degraded = slice_status(1, "ACTIVE")
    degraded.value["degraded"] = [told]
    api.on("GET", "slices/g:a", degraded)
    assert aether("slice", "get", "g:a").out.endswith(f"\ndegraded:\n  {told}\n")
    assert aether("slice", "get", "g:none").code == 3
    assert aether("slice", "get", "none").code == 2


def test_scale_waits(api: FakeApi, aether: Aether) -> None:
    api.on("POST", "slices/g:a/scale", scaled(2))
    api.on(
        "GET", "slices/g:a", slice_status(1, "ACTIVE"), slice_status(2, "ACTIVE", "LOADING"),
        slice_status(2, "ACTIVE", "ACTIVE"),
    )  # fmt: skip
    ran = aether("slice", "scale", "g:a", "2")
    assert (ran.code, ran.out) == (0, "g:a has 2 instances\n")
    assert "g:a:1.0.0 1/2 serve" in ran.err
    assert api.asked[0] == Asked("POST", "/api/v1/slices/g:a/scale", b'{"instances": 2}')


def test_scale_detached_and_refused(api: FakeApi, aether: Aether) -> None:
    api.on("POST", "slices/g:a/scale", scaled(2))
    assert json.loads(aether("slice", "scale", "g:a", "2", "--detach", "-o", "json").out)["changed"]
    api.on("POST", "slices/g:a/scale", problem(422, "out of bounds: 1 to 5"))
    ran = aether("slice", "scale", "g:a", "100000")
    assert (ran.code, ran.out) == (2, "")
    assert "out of bounds" in ran.err
    assert aether("slice", "scale", "g:a", "many").code == 2


def test_a_failure_is_for_good_when_the_blueprint_says_so(api: FakeApi, aether: Aether) -> None:
    api.on("POST", "slices/g:a/scale", scaled(2))
    api.on("GET", "slices/g:a", slice_status(2, "ACTIVE", "FAILED"))
    owner = {"id": "g:app:1.0.0", "generation": 1, "slices": []}
    api.on("GET", "blueprints/g:app/status", Answer(value={**owner, "state": "DEPLOYING"}))
    assert aether("slice", "scale", "g:a", "2", "--timeout", "0.2s").code == 5
    api.on("GET", "blueprints/g:app/status", Answer(value={**owner, "state": "FAILED"}))
    ran = aether("slice", "scale", "g:a", "2")
    assert (ran.code, "1 of 2 instances serve" in ran.err) == (1, True)


def test_a_slice_that_is_removed_meanwhile(api: FakeApi, aether: Aether) -> None:
    api.on("POST", "slices/g:a/scale", scaled(2))
    api.on("GET", "slices/g:a", problem(404, "gone", "not_found"))
    ran = aether("slice", "scale", "g:a", "2")
    assert (ran.code, "removed by somebody else" in ran.err) == (3, True)


def test_build_prints_the_wheel(
    aether: Aether, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build_wheel(project: Path, out: Path) -> Path:
        out.mkdir()
        wheel = out / f"{project.name}.whl"
        wheel.write_bytes(b"wheel")
        return wheel

    monkeypatch.setattr("aether.artifacts.build.build_wheel", build_wheel)
    (tmp_path / "shop").mkdir()
    out = tmp_path / "out"
    ran = aether("slice", "build", str(tmp_path / "shop"), "--out", str(out))
    assert (ran.code, ran.out) == (0, f"{out}/shop.whl\n")
    assert aether("slice", "build", str(tmp_path / "nothing")).code == 2


def test_a_project_that_cannot_be_built(aether: Aether, tmp_path: Path) -> None:
    ran = aether("slice", "build", str(tmp_path), "--out", str(tmp_path / "out"))
    assert (ran.code, ran.out) == (2, "")
    assert "pyproject.toml" in ran.err
