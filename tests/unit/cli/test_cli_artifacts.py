"""`aether artifact …`."""

import hashlib
import json
from pathlib import Path

import pytest

from aether.cli import artifacts as artifacts_module
from tests.cli_world import Answer, FakeApi, page, problem
from tests.unit.cli.conftest import Aether

WHEEL = b"the bytes of a wheel"
DIGEST = hashlib.sha256(WHEEL).hexdigest()
PUSH = f"artifacts?filename=x-1.0.0-py3-none-any.whl&digest=sha256%3A{DIGEST}"
RECORD = {
    "artifact": "g:a:1.0.0", "digest": DIGEST, "size": len(WHEEL), "holders": ["node-1", "node-2"],
    "manifest": {
        "artifact": "g:a:1.0.0", "kind": "slice", "methods": [], "dependencies": [{"slice": "g:b"}],
        "routes": [{"method": "GET", "pattern": "/{code}"}],
    },
}  # fmt: skip


@pytest.fixture
def wheel(tmp_path: Path) -> str:
    path = tmp_path / "x-1.0.0-py3-none-any.whl"
    path.write_bytes(WHEEL)
    return str(path)


def test_list(api: FakeApi, aether: Aether) -> None:
    api.on("GET", "artifacts?limit=1000", page(RECORD))
    row = aether("artifact", "list").out.splitlines()[1].split()
    assert row == ["g:a:1.0.0", "slice", str(len(WHEEL)), DIGEST[:12], "node-1,node-2"]
    assert json.loads(aether("artifact", "list", "-o", "json").out) == [RECORD]


def test_push_a_wheel(api: FakeApi, aether: Aether, wheel: str) -> None:
    api.on("POST", PUSH, Answer(201, RECORD))
    ran = aether("artifact", "push", wheel)
    assert ran.code == 0
    assert "artifact:  g:a:1.0.0" in ran.out
    assert "routes:    GET /{code}" in ran.out
    assert "methods" not in ran.out
    assert f"sha256 {DIGEST}" in ran.err
    assert api.asked[-1].body == WHEEL
    api.on("POST", PUSH, Answer(200, RECORD))
    assert "nothing changed" in aether("artifact", "push", wheel).err


def test_push_a_project_builds_it_first(
    api: FakeApi, aether: Aether, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Path] = []

    def build_wheel(project: Path, out: Path) -> Path:
        made.append(out / "x-1.0.0-py3-none-any.whl")
        made[0].write_bytes(WHEEL)
        return made[0]

    monkeypatch.setattr("aether.artifacts.build.build_wheel", build_wheel)
    api.on("POST", PUSH, Answer(201, RECORD))
    ran = aether("artifact", "push", str(tmp_path), "-o", "json")
    assert (ran.code, json.loads(ran.out)) == (0, RECORD)
    assert api.asked[-1].body == WHEEL
    assert not made[0].exists()


def test_a_wheel_the_cluster_does_not_take(api: FakeApi, aether: Aether, wheel: str) -> None:
    detail = "g:a:1.0.0 does not import: No module named 'x'"
    api.on("POST", PUSH, problem(422, detail, "artifact_invalid"))
    ran = aether("artifact", "push", wheel)
    assert (ran.code, ran.out) == (2, "")
    assert detail in ran.err


def test_what_cannot_be_pushed(
    aether: Aether, tmp_path: Path, wheel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert aether("artifact", "push", str(tmp_path / "nothing")).code == 2
    monkeypatch.setattr(artifacts_module, "MAX_WHEEL_BYTES", 3)
    ran = aether("artifact", "push", wheel)
    assert (ran.code, "more than 3 bytes" in ran.err) == (2, True)
    assert aether("artifact", "push", str(tmp_path / "..")).code == 2
