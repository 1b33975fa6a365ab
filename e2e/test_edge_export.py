"""A node told by its configuration keeps a real Envoy and a real haproxy on its table, which outlive it."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.forge import wait_until
from e2e.plain import Nodes, plain_nodes
from e2e.test_store_lost import build_wheel, says_hello
from tests.integration.test_edges import SITE, Site, end, find, free_port, start

BASE = 23_600
WAIT_S = 20.0


@pytest.fixture
def nodes() -> Iterator[Nodes]:
    with plain_nodes(BASE) as made:
        yield made


class Proxy:
    """A program at the edge, started as the guide says."""

    def __init__(self, kind: str, folder: Path, site: Site) -> None:
        self.kind, self.folder, self.site = kind, folder / kind, site
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def flags(self, path: Path) -> tuple[str, str]:
        """Write what the node is told of it; return the flag that names the file."""
        path.write_text(
            f'[router.export]\n{self.kind} = "{self.folder}"\nport = {self.port}\n'
            f'certificate = "{self.site.pem}"\n'
        )
        return "--config", str(path)

    def start(self) -> None:
        if self.kind == "envoy":
            bootstrap = self.folder / "bootstrap.json"
            wait_until("files", bootstrap.exists, WAIT_S)
            command = [find("envoy"), "-c", str(bootstrap), "--use-dynamic-base-id", "-l", "error"]
        else:
            config = self.folder / "haproxy.cfg"
            wait_until("files", config.exists, WAIT_S)
            master = str(self.folder / "master.sock")
            command = [find("haproxy"), "-W", "-S", master, "-f", str(config)]
        self.process = start(command, self.folder / "log")

    def says_hello(self) -> bool:
        """Whether it answers for the slice, by HTTP/2."""
        place = f"{SITE}:{self.port}"
        said = subprocess.run(
            [
                *(find("curl"), "--silent", "--max-time", "5", "--http2"),
                *("--cacert", str(self.site.ca.path), "--resolve", f"{place}:127.0.0.1"),
                *("--write-out", " %{http_code} %{http_version}", f"https://{place}/hello"),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        return said.stdout.split()[-2:] == ["200", "2"]

    def close(self) -> None:
        if self.process is not None:
            end(self.process)


@pytest.mark.timeout(150)
@pytest.mark.parametrize("kind", ["envoy", "haproxy"])
def test_a_proxy_follows_the_node_and_outlives_it(nodes: Nodes, kind: str) -> None:
    find(kind)
    proxy = Proxy(kind, nodes.folder, Site(nodes.folder))
    nodes.start(1, flags=proxy.flags(nodes.folder / "n1.toml"))
    nodes.wait_ready(1)
    proxy.start()
    try:
        nodes.aether(1, "artifact", "push", str(build_wheel(nodes.folder / "wheels")))
        nodes.aether(1, "blueprint", "apply", "blueprints/asgi_app.toml", "--wait")
        wait_until("the proxy serves", proxy.says_hello, WAIT_S)
        assert says_hello(nodes, 1)
        os.kill(nodes.processes[1].pid, signal.SIGKILL)
        nodes.processes[1].wait(10)
        assert [proxy.says_hello() for _ in range(20)] == [True] * 20
    finally:
        proxy.close()
