"""Routers need nobody: with every node and store process gone, traffic flows, and a router that starts then serves.

`ROUTER_ALONE_S` says how long it flows, 60 seconds unless told; `make soak-router` says ten minutes.
"""

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence

import psutil
import pytest

from e2e.forge import ROOT, Forge, call, running_forge, wait_until
from e2e.held import part
from e2e.load import Steady

ALONE_S = float(os.environ.get("ROUTER_ALONE_S", "60"))
ALL = (1, 2, 3)
RESTART_S = 20.0
HELLO = "org.example:hello"


@pytest.fixture
def forge() -> Iterator[Forge]:
    with running_forge(
        22_500,
        *("--artifact", "examples/asgi_app"),
        *("--blueprint", "blueprints/asgi_app.toml"),
    ) as cluster:
        cluster.wait_deployed(1, 60, HELLO)
        yield cluster


@pytest.mark.timeout(120 + 3 * ALONE_S)
def test_traffic_flows_and_a_new_router_serves_without_any_node(forge: Forge) -> None:
    for number in ALL:
        serves = lambda number=number: says_hello(forge, number)  # noqa: E731 # the default binds the loop's value
        wait_until(f"node-{number} serves", serves, 30)
    clients = [Steady(forge.router(number)) for number in ALL]
    kill_control(forge, ALL)
    threading.Event().wait(ALONE_S)
    assert not any(alive(forge, number, name) for number in ALL for name in ("node", "store"))
    for client in clients:
        client.stop()
    done = sum(client.done for client in clients)
    print(f"{done} requests in {ALONE_S:g} s without a node")  # noqa: T201 - figures for whoever runs this with -s
    assert [failure for client in clients for failure in client.failures] == []
    assert done > 30 * ALONE_S

    with restarted_router(forge, 2) as began:
        took = wait_until("a new router serves", lambda: says_hello(forge, 2), RESTART_S)
        print(f"a router serves {took:.2f} s after its start")  # noqa: T201 - as above
        assert part(forge, 2, "router").create_time() >= began
        assert not alive(forge, 2, "node")


def says_hello(forge: Forge, number: int) -> bool:
    return call(forge.router(number), "GET", "/hello").body == b"Hello, world!\n"


def kill_control(forge: Forge, numbers: Sequence[int]) -> None:
    """Kill every node process and every store process, nodes first: they would start stores again."""
    for name in ("node", "store"):
        for number in numbers:
            with contextlib.suppress(psutil.NoSuchProcess, AssertionError):
                part(forge, number, name).kill()
    wait_until(
        "all dead",
        lambda: (
            not any(alive(forge, number, name) for number in numbers for name in ("node", "store"))
        ),
        20,
    )


def alive(forge: Forge, number: int, name: str) -> bool:
    try:
        return part(forge, number, name).is_running()
    except AssertionError:
        return False


@contextlib.contextmanager
def restarted_router(forge: Forge, number: int) -> Iterator[float]:
    """End the node's router and start another by the same command; yield when, and end it after."""
    old = part(forge, number, "router")
    command, environment = old.cmdline(), old.environ()
    old.terminate()
    old.wait(RESTART_S)
    began = time.time()
    with (forge.data_dir.parent / "router-again.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=log)
    try:
        yield began - 1.0
    finally:
        process.terminate()
        process.wait(RESTART_S)
