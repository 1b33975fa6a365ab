"""Bad input gets a clear error with the right status, and the cluster stays as it was."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.forge import Answer, Forge, call, running_forge
from e2e.projects import write_project

LINKS = (
    "--artifact",
    "examples/url_shortener/clicks",
    "--artifact",
    "examples/url_shortener/links",
)


@pytest.fixture(scope="module")
def forge() -> Iterator[Forge]:
    with running_forge(3000, *LINKS, "--blueprint", "blueprints/url_shortener.toml") as cluster:
        yield cluster


@pytest.fixture(autouse=True)
def unchanged(forge: Forge) -> Iterator[None]:
    """Every test here must leave the store at the revision it found."""
    before = forge.api(1, "status").json()["revision"]
    yield
    assert forge.api(1, "status").json()["revision"] == before


def apply(forge: Forge, toml: str) -> Answer:
    return forge.api(2, "blueprints", "POST", toml.encode())


def blueprint(line: str = "", artifact: str = "org.example:links:1.0.0") -> str:
    return f'id = "org.example:bad:1.0.0"\n[[slices]]\nartifact = "{artifact}"\n{line}\n'


@pytest.mark.parametrize(
    ("toml", "status", "words"),
    [
        ("id = ", 400, ["1"]),
        (blueprint("instances = 0"), 422, ["instances", "4"]),
        (blueprint('instances = "three"'), 422, ["instances", "4"]),
        (blueprint("instnaces = 3"), 422, ["instnaces", "instances"]),
        (blueprint("instances = 3\nmin_instances = 5"), 422, ["min_instances"]),
        (blueprint(artifact="links"), 422, ["links", "group:name:version"]),
        (blueprint(artifact="org.example:linsk:1.0.0"), 422, ["org.example:links:1.0.0"]),
        ("", 422, ["id"]),
    ],
)
def test_a_bad_blueprint(forge: Forge, toml: str, status: int, words: list[str]) -> None:
    answer = apply(forge, toml)
    assert answer.status == status, answer
    assert answer.headers["content-type"].startswith("application/problem+json")
    text = answer.body.decode()
    assert all(word in text for word in words), text


def test_all_problems_are_listed_at_once(forge: Forge) -> None:
    answer = apply(forge, blueprint("instances = 0\nwat = 1", artifact="x"))
    assert len(answer.json()["problems"]) >= 3


def test_a_slice_that_belongs_to_another_blueprint(forge: Forge) -> None:
    answer = apply(forge, blueprint())
    assert answer.status == 409
    assert "org.example:url-shortener" in answer.body.decode()


def push(forge: Forge, wheel: Path, digest: str = "") -> Answer:
    query = f"filename={wheel.name}" + (f"&digest=sha256:{digest}" if digest else "")
    return forge.api(3, f"artifacts?{query}", "POST", wheel.read_bytes())


def build(forge: Forge, tmp_path: Path, code: str) -> Path:
    """Build a wheel of a small slice with this code, through the command."""
    table = {"id": "org.example:broken", "entry": "broken:Broken"}
    project = write_project(tmp_path / "project", "broken", code, table)
    forge.aether("slice", "build", str(project), "--out", str(tmp_path))
    return next(tmp_path.glob("*.whl"))


def test_a_wheel_that_does_not_import(forge: Forge, tmp_path: Path) -> None:
    answer = push(forge, build(forge, tmp_path, "import nothing_like_this\n"))
    assert answer.status == 422, answer
    assert "nothing_like_this" in answer.body.decode()


def test_a_wheel_with_a_wrong_digest(forge: Forge, tmp_path: Path) -> None:
    code = "from aether import Slice\nclass Broken(Slice):\n    pass\n"
    answer = push(forge, build(forge, tmp_path, code), digest="0" * 64)
    assert answer.status == 422, answer
    assert "digest" in answer.body.decode()


def test_bytes_that_are_no_wheel(forge: Forge, tmp_path: Path) -> None:
    wheel = tmp_path / "x-1.0.0-py3-none-any.whl"
    wheel.write_bytes(b"not a zip")
    assert push(forge, wheel).status == 422
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("../escape.py", "")
    assert push(forge, wheel).status == 422


def test_an_unknown_route_and_a_wrong_method(forge: Forge) -> None:
    missing = call(forge.router(1), "GET", "/no/such/route")
    assert missing.status == 404
    assert missing.json()["code"] == "no_route"
    wrong = call(forge.router(1), "PATCH", "/api/v1/urls")
    assert wrong.status == 405
    assert "POST" in wrong.headers["allow"]
    assert forge.api(1, "no-such-call").status == 404


def test_a_body_too_large(forge: Forge) -> None:
    size = 16 * 1024 * 1024 + 1
    answer = call(forge.router(1), "POST", "/api/v1/urls", headers={"content-length": str(size)})
    assert answer.status == 413
    assert answer.json()["code"] == "too_large"


def test_an_invalid_request_to_the_application(forge: Forge) -> None:
    headers = {"content-type": "application/json"}
    for body in (b"{", b"{}", b'{"url": 5}', b'{"url": "not a url"}'):
        answer = call(forge.router(2), "POST", "/api/v1/urls", body, headers)
        assert answer.status in (400, 422), (body, answer)


def test_scaling_what_is_not_there_or_out_of_bounds(forge: Forge) -> None:
    unknown = forge.aether("slice", "scale", "org.example:nothing", "2", check=False)
    assert unknown.returncode == 3
    many = forge.aether("slice", "scale", "org.example:links", "9", check=False)
    assert many.returncode == 2
    assert "org.example:links" in many.stderr
