"""A forge cluster driven as a user drives it: through its commands, the API and HTTP."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
UP_S = 120.0
EXAMPLES = (
    "--artifact",
    "examples/url_shortener/clicks",
    "--artifact",
    "examples/url_shortener/links",
    "--artifact",
    "examples/asgi_app",
    "--blueprint",
    "blueprints/url_shortener.toml",
    "--blueprint",
    "blueprints/asgi_app.toml",
)
SHORTENER = "org.example:url-shortener"


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, read whole."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:  # noqa: ANN401 - whatever the server says
        return json.loads(self.body)


def call(
    port: int,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
    timeout_s: float = 30.0,
) -> Answer:
    """Make one request to loopback; raises OSError or HTTPException when there is no answer."""
    connection = HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        response = connection.getresponse()
        lowered = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, lowered, response.read())
    finally:
        connection.close()


def wait_until(what: str, condition: Callable[[], bool], within_s: float) -> float:
    """Return how long it took until `condition` held; fail when it does not within the limit."""
    began = time.monotonic()
    problem: Exception | None = None
    while time.monotonic() - began < within_s:
        try:
            if condition():
                return time.monotonic() - began
        except (OSError, HTTPException, ValueError, KeyError) as error:
            problem = error
        threading.Event().wait(0.05)
    raise AssertionError(f"{what}: not within {within_s:g} s ({problem})")


@dataclass
class Forge:
    """A running forge."""

    data_dir: Path
    offset: int
    process: "subprocess.Popen[bytes] | None" = None
    log: Path = field(default=Path())

    def up(self, *arguments: str, nodes: int = 3, within_s: float = UP_S) -> float:
        """Start the cluster and wait until forge says it is up; return the seconds it took."""
        self.log = self.data_dir.parent / f"{self.data_dir.name}-up.log"
        began = time.monotonic()
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    *(str(BIN / "aether-forge"), "up", "--nodes", str(nodes)),
                    *("--data-dir", str(self.data_dir), "--port-offset", str(self.offset)),
                    *arguments,
                ],
                cwd=ROOT,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        process = self.process

        def is_up() -> bool:
            if process.poll() is not None:
                raise AssertionError(f"forge ended: {self.log.read_text()}")
            return "Ctrl-C" in self.log.read_text()

        wait_until("forge up", is_up, within_s)
        return time.monotonic() - began

    def down(self) -> None:
        """Stop it as Ctrl-C does."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                raise

    def command(self, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """Run a forge command from another shell."""
        return _run(["aether-forge", *arguments, "--data-dir", str(self.data_dir)], check=check)

    def aether(self, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """Run the CLI against any node."""
        endpoints = ",".join(f"http://127.0.0.1:{self.management(node)}" for node in (1, 2, 3))
        return _run(["aether", "--endpoint", endpoints, *arguments], check=check)

    def router(self, node: int) -> int:
        return 8070 + node + self.offset

    def management(self, node: int) -> int:
        return 5150 + node + self.offset

    def api(self, node: int, path: str, method: str = "GET", body: bytes | None = None) -> Answer:
        return call(self.management(node), method, f"/api/v1/{path}", body)

    def leader(self) -> int:
        """Return the number of the node that leads, as the nodes alive say."""
        for node in (1, 2, 3):
            with contextlib.suppress(OSError, HTTPException):
                name = self.api(node, "status").json()["leader"]
                if name:
                    return int(name.rpartition("-")[2])
        raise AssertionError("nobody leads")

    def is_deployed(self, node: int, blueprint: str = SHORTENER) -> bool:
        answer = self.api(node, f"blueprints/{blueprint}/status")
        return answer.status == 200 and answer.json()["state"] == "DEPLOYED"

    def wait_deployed(self, node: int, within_s: float, blueprint: str = SHORTENER) -> float:
        return wait_until(f"{blueprint} whole", lambda: self.is_deployed(node, blueprint), within_s)

    def placed(self, node: int) -> set[str]:
        """Return the nodes that host instances of the shortener, as `node` sees it."""
        status = self.api(node, f"blueprints/{SHORTENER}/status").json()
        return {instance["node"] for slice_ in status["slices"] for instance in slice_["instances"]}

    def processes(self) -> list[psutil.Process]:
        """Return every live process of this forge.

        Found by the data directory in the command line, by the sessions of those, and by the pid
        files of hosts: a host that a new launcher adopted is in a session that is no more.
        """
        mine = {
            int(path.read_text().split()[0])
            for path in self.data_dir.glob("*/run/i-*.pid")
            if path.read_text()
        }
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if str(self.data_dir) in " ".join(process.cmdline()):
                    mine.add(process.pid)
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, ProcessLookupError):
                in_session = os.getsid(process.pid) in mine
                is_live = process.status() != psutil.STATUS_ZOMBIE
                if is_live and (process.pid in mine or in_session):
                    found.append(process)
        return found

    def host_count(self) -> int:
        """Return how many slice hosts run."""
        count = 0
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                count += "aether: host" in " ".join(process.cmdline())
        return count


def _run(command: Sequence[str], *, check: bool) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(
        [str(BIN / command[0]), *command[1:]],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    if check and done.returncode:
        raise AssertionError(f"{' '.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done


@contextlib.contextmanager
def running_forge(offset: int, *arguments: str) -> Iterator[Forge]:
    """Bring a cluster up in a directory of its own and take it down whatever happens.

    With E2E_KEEP set the directory, logs included, stays for whoever looks for a cause.
    """
    root = Path(tempfile.mkdtemp(prefix="ae", dir="/tmp"))
    forge = Forge(root / "f", offset)
    try:
        forge.up(*arguments)
        yield forge
    finally:
        forge.down()
        if not os.environ.get("E2E_KEEP"):
            shutil.rmtree(root, ignore_errors=True)
