"""What `up` brings into a fresh cluster: wheels built and pushed, blueprints applied and awaited."""

import hashlib
import tempfile
import time
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event
from typing import Any

import msgspec

from aether.artifacts.build import build_wheel
from aether.cli.client import Client, path_to
from aether.cli.failures import CliError, Refused, Unreachable
from aether.core.model.ids import Artifact
from aether.errors import AetherError
from aether_forge.failures import ForgeError

DEPLOYED_S = 120.0
RETRY_S = 15.0
"""How long a call is repeated while the cluster has no leader yet."""
LOOK_S = 0.25

Say = Callable[[str], None]


class Deployment:
    """Pushes and applies through the management API of any of `endpoints`.

    Blocking; `cancelled` ends it at its next wait.
    """

    def __init__(self, endpoints: Sequence[str], say: Say, cancelled: Event) -> None:
        self._client = Client(endpoints)
        self._say = say
        self._cancelled = cancelled

    def push(self, path: Path) -> None:
        """Push a wheel, or a project directory after building it.

        A cluster resumed may hold this version with other bytes; it keeps them and goes on.
        """
        try:
            with tempfile.TemporaryDirectory(prefix="aether-forge-") as out:
                wheel = build_wheel(path, Path(out)) if path.is_dir() else path
                self._push_wheel(wheel)
        except AetherError as problem:
            raise ForgeError(f"{path}: {problem.message}") from problem
        except OSError as problem:
            raise ForgeError(f"{path}: {problem.strerror or problem}") from problem

    def _push_wheel(self, wheel: Path) -> None:
        data = wheel.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        self._say(f"pushing {wheel.name} ({len(data)} bytes)")
        try:
            self._request(
                f"pushing {wheel.name}",
                "POST",
                path_to("artifacts", filename=wheel.name, digest=f"sha256:{digest}"),
                data,
                "application/octet-stream",
            )
        except _RefusedNow as refused:
            self._say(
                f"warning: {wheel.name} is not pushed, the cluster keeps the one it has: "
                f"{refused.why}. Raise the version, or start a new cluster with --fresh"
            )

    def want_nodes(self, nodes: int, max_nodes: int) -> None:
        """Have the cluster keep this many nodes, asking forge for new ones."""
        self._request(
            "setting the topology",
            "PUT",
            path_to("topology"),
            msgspec.json.encode({"nodes": nodes, "max_nodes": max_nodes}),
            "application/json",
        )
        self._say(f"the cluster keeps {nodes} nodes: one that is lost is replaced")

    def apply(self, blueprint: Path) -> None:
        """Apply a blueprint and wait until it is deployed."""
        try:
            source = blueprint.read_bytes()
        except OSError as problem:
            raise ForgeError(f"{blueprint}: {problem.strerror}") from problem
        self._say(f"applying {blueprint}")
        self._request(
            f"applying {blueprint}",
            "POST",
            path_to("blueprints"),
            source,
            "application/toml",
        )
        base = Artifact(tomllib.loads(source.decode())["id"]).base  # the node has accepted it
        self._wait_deployed(base)

    def _wait_deployed(self, base: str) -> None:
        deadline, told = time.monotonic() + DEPLOYED_S, ""
        while True:
            status = self._status(base)
            state = str(status.get("state"))
            if state == "DEPLOYED":
                self._say(f"{base} is deployed")
                return
            if state == "FAILED" or time.monotonic() > deadline:
                raise ForgeError(
                    f"{base} is {state} after {DEPLOYED_S:g} s at most: {_reasons(status)}; "
                    f"look with `aether blueprint status {base}`"
                )
            if state != told:
                self._say(f"{base} is {state}")
                told = state
            self._pause()

    def _status(self, base: str) -> dict[str, Any]:
        answer = self._request(
            f"status of {base}", "GET", path_to("blueprints", base, "status"), None, ""
        )
        return answer if isinstance(answer, dict) else {}

    def routes(self) -> list[dict[str, Any]]:
        """Return the routes the cluster serves; none when nobody can say, for they are only shown."""
        try:
            return [route for route in self._client.items("routes") if isinstance(route, dict)]
        except CliError as problem:
            self._say(f"the routes cannot be shown: {_told(problem)}")
            return []

    def _request(
        self, what: str, method: str, path: str, body: bytes | None, content_type: str
    ) -> Any:  # noqa: ANN401 - JSON values are what the API sends
        """Make a call, repeated for `RETRY_S` while nobody can take it.

        Pushing or applying the same bytes once more changes nothing.
        """
        headers = {"content-type": content_type} if content_type else {}
        deadline = time.monotonic() + RETRY_S
        while True:
            try:
                return self._client.request(method, path, body, headers)[1]
            except Unreachable as problem:
                if time.monotonic() > deadline:
                    raise ForgeError(f"{what}: {_told(problem)}") from problem
            except Refused as problem:
                raise _RefusedNow(f"{what}: {_told(problem)}", problem.message) from problem
            except CliError as problem:
                raise ForgeError(f"{what}: {_told(problem)}") from problem
            self._pause()

    def _pause(self) -> None:
        if self._cancelled.wait(LOOK_S):
            raise ForgeError("interrupted")


class _RefusedNow(ForgeError):
    """The cluster may not do this as it stands; `why` is its own sentence."""

    def __init__(self, message: str, why: str) -> None:
        super().__init__(message)
        self.why = why


def _told(problem: CliError) -> str:
    return "; ".join(line.strip() for line in problem.lines()).removeprefix("error: ")


def _reasons(status: dict[str, Any]) -> str:
    slices = status.get("slices") or ()
    reasons = [str(reason) for slice_ in slices for reason in slice_.get("reasons") or ()]
    return "; ".join(reasons) or "it does not say why"
