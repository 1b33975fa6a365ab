"""The WSGI example on a node: deployed as a user does, under clients that ask while it is scaled and stopped."""

import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from typing import Self

import pytest

from e2e.forge import call, wait_until
from e2e.plain import Nodes, plain_nodes

BASE = "org.example:hello-wsgi"
CLIENTS = 8


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    with plain_nodes(23_000) as made:
        made.start(1)
        made.wait_ready(1)
        made.aether(1, "artifact", "push", "examples/wsgi_app")
        made.aether(1, "blueprint", "apply", "blueprints/wsgi_app.toml", "--wait")
        yield made


@pytest.fixture(scope="module")
def router(nodes: Nodes) -> int:
    return nodes.port(1, "router")


def wait_served(nodes: Nodes, count: int) -> None:
    """Wait until so many instances serve, and there are no others."""

    def phases() -> list[str]:
        _, told = nodes.get(1, f"/api/v1/slices/{BASE}")
        return [instance["phase"] for instance in told["instances"]]

    wait_until(f"{count} serve", lambda: phases() == ["ACTIVE"] * count, 60)


def test_the_example_does_what_its_readme_says(nodes: Nodes, router: int) -> None:
    assert call(router, "GET", "/wsgi").body == b"Hello, world!\n"
    told = call(router, "GET", "/wsgi/ada").json()
    assert told == {"hello": "ada", "url": f"http://127.0.0.1:{router}/wsgi/ada"}
    assert call(router, "GET", "/wsgi/count/5").body == b"1\n2\n3\n4\n5\n"
    told = call(router, "POST", "/wsgi/digest", b"x" * 5_000_000).json()
    assert told["bytes"] == 5_000_000
    assert "threads" in nodes.aether(1, "artifact", "push", "examples/wsgi_app")


class Asking:
    """Clients that ask until they are told to stop; what fails is kept."""

    def __init__(self, port: int) -> None:
        self.done = 0
        self.failures: list[str] = []
        self._port = port
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(CLIENTS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    def wait_more(self) -> None:
        """Return when each client has asked again."""
        wanted = self.done + 2 * CLIENTS
        wait_until("clients ask", lambda: self.done >= wanted, 30)

    def _ask(self) -> None:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=30)
        while not self._stop.wait(0.02):
            try:
                # 200 ms in its thread: some are always under way when an instance goes.
                connection.request("GET", "/wsgi/count/20")
                response = connection.getresponse()
                body = response.read()
                if response.status != 200 or body.count(b"\n") != 20:
                    self.failures.append(f"{response.status}: {body!r}")
            except (OSError, HTTPException) as problem:
                self.failures.append(repr(problem))
                connection.close()
            self.done += 1
        connection.close()


def test_no_request_fails_while_instances_come_and_go(nodes: Nodes, router: int) -> None:
    with Asking(router) as asking:
        for count in (1, 3, 1, 2):
            nodes.aether(1, "slice", "scale", BASE, str(count))
            wait_served(nodes, count)
            asking.wait_more()
    assert asking.failures == []
    assert asking.done > 4 * CLIENTS


def test_what_streams_when_an_instance_is_stopped_is_finished(nodes: Nodes, router: int) -> None:
    connection = HTTPConnection("127.0.0.1", router, timeout=30)
    connection.request("GET", "/wsgi/count/300")
    response = connection.getresponse()
    assert response.readline() == b"1\n"
    serving = response.headers["x-aether-instance"]
    began = time.monotonic()
    nodes.aether(1, "blueprint", "delete", "org.example:hello-wsgi-app", "--yes")
    rest = response.read()
    connection.close()
    assert rest.splitlines()[-1] == b"300"
    assert serving.startswith(f"{BASE}:1.0.0/")
    wait_until("nothing is left", lambda: call(router, "GET", "/wsgi").status == 404, 60)
    assert time.monotonic() - began < 60
