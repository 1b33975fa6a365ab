"""What forge pushes and applies, against a management API that answers as it is told."""

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from aether_forge import deploy
from aether_forge.deploy import Deployment
from aether_forge.failures import ForgeError

Reply = tuple[int, object]


@dataclass
class Api:
    """Requests seen, and what to answer to each."""

    url: str = ""
    seen: list[tuple[str, str, bytes]] = field(default_factory=list)
    answer: Callable[[str, str], Reply] = lambda *_: (200, {})

    def deployment(self) -> tuple[Deployment, list[str]]:
        said: list[str] = []
        return Deployment([self.url], said.append, threading.Event()), said


@pytest.fixture
def api() -> Iterator[Api]:
    api = Api()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            size = int(self.headers.get("content-length", 0))
            api.seen.append((self.command, self.path, self.rfile.read(size)))
            status, body = api.answer(self.command, self.path)
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        do_POST = do_GET  # noqa: N815 - the name the server looks for

        def log_message(self, *_: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    api.url = f"http://127.0.0.1:{server.server_port}"
    yield api
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def blueprint(tmp_path: Path) -> Path:
    path = tmp_path / "shop.toml"
    path.write_text('id = "shop.demo:storefront:1.4.0"\n')
    return path


def test_a_wheel_is_pushed_with_name_and_digest(api: Api, tmp_path: Path) -> None:
    wheel = tmp_path / "links-1.0.0-py3-none-any.whl"
    wheel.write_bytes(b"bytes of a wheel")
    deployment, said = api.deployment()
    deployment.push(wheel)
    ((method, path, body),) = api.seen
    digest = hashlib.sha256(body).hexdigest()
    assert (method, body) == ("POST", b"bytes of a wheel")
    assert path.startswith("/api/v1/artifacts?filename=links-1.0.0-py3-none-any.whl&digest=sha256")
    assert path.endswith(digest)
    assert said == [f"pushing {wheel.name} (16 bytes)"]


def test_a_cluster_that_has_the_version_with_other_bytes_keeps_its_own(
    api: Api, tmp_path: Path
) -> None:
    wheel = tmp_path / "links-1.0.0-py3-none-any.whl"
    wheel.write_bytes(b"newer bytes")
    detail = "org.example:links:1.0.0 exists with other contents: a version never changes"
    api.answer = lambda *_: (409, {"status": 409, "code": "conflict", "detail": detail})
    deployment, said = api.deployment()
    deployment.push(wheel)
    assert said[-1] == (
        f"warning: {wheel.name} is not pushed, the cluster keeps the one it has: {detail}. "
        "Raise the version, or start a new cluster with --fresh"
    )


def test_a_blueprint_is_applied_and_awaited(
    api: Api, blueprint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deploy, "LOOK_S", 0.01)
    states = iter(["DEPLOYING", "DEPLOYING", "DEPLOYED"])
    api.answer = lambda method, _: (200, {} if method == "POST" else {"state": next(states)})
    deployment, said = api.deployment()
    deployment.apply(blueprint)
    assert api.seen[0] == ("POST", "/api/v1/blueprints", blueprint.read_bytes())
    assert api.seen[-1][1] == "/api/v1/blueprints/shop.demo:storefront/status"
    assert said[1:] == [
        "shop.demo:storefront is DEPLOYING",
        "shop.demo:storefront is deployed",
    ]


def test_a_blueprint_that_fails_says_why(api: Api, blueprint: Path) -> None:
    links, clicks = {"reasons": ["links does not import"]}, {"reasons": ["0 of 2 serve"]}
    api.answer = lambda *_: (200, {"state": "FAILED", "slices": [links, clicks]})
    deployment, _ = api.deployment()
    with pytest.raises(ForgeError, match=r"is FAILED.*: links does not import; 0 of 2 serve; look"):
        deployment.apply(blueprint)


def test_a_refusal_ends_it_with_the_problems_named(api: Api, blueprint: Path) -> None:
    problem = {"title": "Invalid", "status": 422, "detail": "line 3: instances is 0"}
    api.answer = lambda *_: (422, problem)
    deployment, _ = api.deployment()
    with pytest.raises(ForgeError, match=r"applying .*shop\.toml: line 3: instances is 0"):
        deployment.apply(blueprint)
    assert len(api.seen) == 1


def test_a_cluster_without_a_leader_is_asked_again(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deploy, "LOOK_S", 0.01)
    wheel = tmp_path / "a.whl"
    wheel.write_bytes(b"x")
    replies: Iterator[Reply] = iter([(503, {"code": "no_quorum"})] * 2 + [(200, {})])
    api.answer = lambda *_: next(replies)
    deployment, _ = api.deployment()
    deployment.push(wheel)
    assert len(api.seen) == 3


def test_an_interrupted_deployment_ends(
    api: Api, blueprint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deploy, "LOOK_S", 30.0)
    cancelled = threading.Event()
    api.answer = lambda *_: (200, {"state": "DEPLOYING"})

    def say(text: str) -> None:
        if "DEPLOYING" in text:
            cancelled.set()

    with pytest.raises(ForgeError, match="interrupted"):
        Deployment([api.url], say, cancelled).apply(blueprint)


def test_a_file_that_is_not_there_is_named(api: Api, tmp_path: Path) -> None:
    deployment, _ = api.deployment()
    with pytest.raises(ForgeError, match=r"missing\.whl: No such file"):
        deployment.push(tmp_path / "missing.whl")
    with pytest.raises(ForgeError, match=r"missing\.toml: No such file"):
        deployment.apply(tmp_path / "missing.toml")


def test_routes_that_cannot_be_read_are_not_worth_a_failure(api: Api) -> None:
    api.answer = lambda *_: (503, {"detail": "no leader"})
    deployment, said = api.deployment()
    assert deployment.routes() == []
    assert "routes cannot be shown: no leader" in said[0]
