"""Nodes whose routers speak mutual TLS: one that joins is served at once, one that was removed no more."""

import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from http.client import HTTPException

import pytest

from e2e.forge import call, wait_until
from e2e.plain import Nodes, plain_nodes
from e2e.test_store_lost import build_wheel, says_hello
from tests.certificates import Authority

BASE = 23_500
LOST_AFTER_S = 3.0


@pytest.fixture
def nodes() -> Iterator[Nodes]:
    with plain_nodes(BASE) as made:
        yield made


def settings_of(nodes: Nodes, authority: Authority, number: int) -> tuple[str, str]:
    """Write what a node is configured by; return the flag that names the file."""
    files = authority.issue(f"n-{number}")
    path = nodes.folder / f"n{number}.toml"
    path.write_text(
        f'[store]\ntls_ca = "{files.ca}"\ntls_certificate = "{files.certificate}"\n'
        f'tls_key = "{files.key}"\n[router]\nmesh_tls = "on"\n'
        f"[control]\nlost_after_s = {LOST_AFTER_S:g}\n"
    )
    return "--config", str(path)


class Asker(threading.Thread):
    """Asks a router again and again, from before it listens."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.port = port
        self.found = Counter[int]()
        self.enough = threading.Event()

    def run(self) -> None:
        while not self.enough.wait(0.01):
            try:
                status = call(self.port, "GET", "/hello").status
            except (OSError, HTTPException):
                status = 0
            self.found[status] += 1


@pytest.mark.timeout(150)
def test_a_node_that_joins_is_served_and_one_that_was_removed_is_not(nodes: Nodes) -> None:
    authority = Authority(nodes.folder)
    nodes.start(1, flags=settings_of(nodes, authority, 1))
    nodes.wait_ready(1)
    nodes.aether(1, "artifact", "push", str(build_wheel(nodes.folder / "wheels")))
    nodes.aether(1, "blueprint", "apply", "blueprints/asgi_app.toml", "--wait")
    wait_until("n-1 serves", lambda: says_hello(nodes, 1), 30)

    asker = Asker(nodes.port(2, "router"))
    asker.start()
    worker = ("--role", "worker", "--capacity", "0")  # all is on n-1: each request goes there
    nodes.start(2, joins=1, flags=(*worker, *settings_of(nodes, authority, 2)))
    try:
        wait_until("n-2 serves", lambda: asker.found[200] > 50, 60)
    finally:
        asker.enough.set()
        asker.join()
    # Nobody listens, then no table has come yet: 0 and 404. No request that had a route failed.
    assert set(asker.found) <= {0, 200, 404}, asker.found
    assert _tls(nodes, 1)["refused_peers"] == 0

    os.kill(nodes.processes[2].pid, signal.SIGKILL)  # its router goes on
    nodes.processes[2].wait(10)
    wait_until("n-2 is lost", lambda: _verdict(nodes) == "LOST", 60)
    assert says_hello(nodes, 2)
    nodes.aether(1, "node", "remove", "n-2")
    wait_until("n-2 is refused", lambda: _status(nodes, 2) == 503, 10)
    assert [_status(nodes, 2) for _ in range(3)] == [503] * 3
    assert _tls(nodes, 1)["refused_peers"] > 0
    assert says_hello(nodes, 1)


def _status(nodes: Nodes, number: int) -> int:
    return call(nodes.port(number, "router"), "GET", "/hello").status


def _verdict(nodes: Nodes) -> str:
    status, told = nodes.get(1, "/api/v1/nodes/n-2")
    return str(told["verdict"]) if status == 200 else ""


def _tls(nodes: Nodes, number: int) -> dict[str, int]:
    """Return what a node's router says of its TLS."""
    (router,) = nodes.aether_json(number, "node", "routers", f"n-{number}")["workers"]
    found: dict[str, int] = router["tls"]
    return found
