"""Logs of a running cluster: an operator has single loggers say more, wherever they are, and a collector gets their lines."""

import json
import os
import secrets
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from e2e.forge import Forge, call, running_forge, wait_until
from e2e.projects import write_project
from tests.integration.collector_rig import Received, collector

pytestmark = pytest.mark.timeout(300)  # a wheel is built, and processes are killed and come back

NODES = (1, 2, 3)
NAMES = {"node-1", "node-2", "node-3"}
ORDERS, ATTEMPTS = "shop.orders", "aether.dataplane.attempts"
CODE = """
import logging
from pathlib import Path

from aether import Slice, get
from aether.host.body import Disconnected

log = logging.getLogger("shop.orders")
MARKS = Path({marks!r})


class Shop(Slice):
    async def start(self) -> None:
        log.debug("opening")

    @get("/order/{{key}}")
    async def order(self, key: str) -> dict[str, str]:
        log.debug("looking at %s", key)
        log.info("ordered %s", key)
        return {{"key": key}}

    @get("/lost/{{key}}")
    async def lost(self, key: str) -> dict[str, str]:
        try:
            (MARKS / key).touch(exist_ok=False)
        except FileExistsError:
            return {{"key": key}}
        raise Disconnected("the first attempt is lost")
"""
BLUEPRINT = """
id = "e2e:shop-at-work:1.0.0"

[[slices]]
artifact = "e2e:shop:1.0.0"
instances = 3
"""


@pytest.fixture(scope="module")
def received() -> Iterator[Received]:
    """What a collector of OpenTelemetry receives from every node."""
    with collector() as (endpoint, made), pytest.MonkeyPatch.context() as patch:
        patch.setenv("AETHER_OTEL__ENDPOINT", endpoint)
        yield made


@pytest.fixture(scope="module")
def forge(received: Received, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forge]:
    assert received.refuse is None
    folder = tmp_path_factory.mktemp("shop")
    marks = folder / "marks"
    marks.mkdir()
    shop = write_project(
        folder / "project", "e2e_shop", CODE.format(marks=str(marks)),
        {"id": "e2e:shop", "entry": "e2e_shop:Shop"},
    )  # fmt: skip
    blueprint = folder / "shop.toml"
    blueprint.write_text(BLUEPRINT)
    given = ("--artifact", str(shop), "--blueprint", str(blueprint))
    with running_forge(8400, *given) as cluster:
        for node in NODES:
            wait_until("the shop is open", lambda node=node: ask(cluster, node)[1] == 200, 60)  # type: ignore[misc] # a lambda with a default
        yield cluster


def ask(forge: Forge, node: int, path: str = "order/first") -> tuple[str, int]:
    """Make a request at one router; return the id of its trace and the status."""
    trace = secrets.token_hex(16)
    headers = {"traceparent": f"00-{trace}-{secrets.token_hex(8)}-00"}
    return trace, call(forge.router(node), "GET", f"/{path}", headers=headers).status


def log_of(forge: Forge, node: int, name: str) -> str:
    """Return everything the processes of a node of that name wrote."""
    logs = sorted((forge.data_dir / f"node-{node}" / "logs").glob(f"{name}*.log"))
    return "".join(log.read_text() for log in logs)


def shop_log(forge: Forge) -> str:
    return "".join(log_of(forge, node, "e2e:shop") for node in NODES)


def order_of(forge: Forge, node: int = 1) -> str:
    """Place an order; return its key, which the log names."""
    key = secrets.token_hex(4)
    assert ask(forge, node, f"order/{key}")[1] == 200
    assert f"ordered {key}" in shop_log(forge), "a line is written before the answer"
    return key


def says_debug(forge: Forge) -> bool:
    """Whether each of the instances that answer looks at orders aloud: they take turns."""
    return all(f"looking at {order_of(forge, node)}" in shop_log(forge) for node in NODES)


def says_nothing(forge: Forge) -> bool:
    return not any(f"looking at {order_of(forge, node)}" in shop_log(forge) for node in NODES)


def is_told_by_router(forge: Forge, node: int) -> Callable[[], bool]:
    """Return whether a router tells of an attempt that was lost, with the trace of its request."""

    def told() -> bool:
        trace, status = ask(forge, node, f"lost/{secrets.token_hex(4)}")
        assert status in (200, 502, 503), status
        written = log_of(forge, node, "router").splitlines()
        lines = [json.loads(line) for line in written if line.startswith("{")]
        return any(
            line["event"] == "attempt failed" and line["trace_id"] == trace for line in lines
        )

    return told


def kill(forge: Forge, node: int, pid_file: str) -> None:
    """Kill the process a pid file names, and wait until it names another one."""
    (path,) = (forge.data_dir / f"node-{node}" / "run").glob(pid_file)
    pid = int(path.read_text().split()[0])
    os.kill(pid, signal.SIGKILL)
    wait_until("another one", lambda: int(path.read_text().split()[0]) != pid, 60)


def test_a_logger_of_a_slice_says_more_for_a_while(forge: Forge) -> None:
    assert says_nothing(forge)
    forge.aether("log", "level", "set", ORDERS, "debug")
    wait_until("every instance looks at orders aloud", lambda: says_debug(forge), 20)
    assert "opening" not in shop_log(forge), "they were open before"
    host = next(forge.data_dir.glob("node-*/run/i-*.pid"))
    os.kill(int(host.read_text().split()[0]), signal.SIGKILL)
    wait_until("it goes by the level from its start on", lambda: "opening" in shop_log(forge), 60)
    forge.aether("log", "level", "unset", ORDERS)
    wait_until("none does any more", lambda: says_nothing(forge), 20)
    assert says_nothing(forge)


def test_store_and_launcher_hear_of_it(forge: Forge) -> None:
    forge.aether("log", "level", "set", "aether.store", "debug", "--for", "10m")

    def heard(name: str) -> bool:
        logs = (log_of(forge, node, name) for node in NODES)
        return all('"now":{"aether.store":"debug"' in log.replace(" ", "") for log in logs)

    wait_until("the stores", lambda: heard("store"), 10)
    wait_until("the launchers", lambda: heard("launcher"), 10)
    assert heard("store")
    assert heard("launcher")


def test_a_router_says_more_on_the_node_that_is_named(forge: Forge) -> None:
    assert not is_told_by_router(forge, 1)()
    forge.aether("log", "level", "set", ATTEMPTS, "debug", "--node", "node-1")
    wait_until("the router tells", is_told_by_router(forge, 1), 20)
    assert not is_told_by_router(forge, 2)()
    kill(forge, 1, "router.pid")
    wait_until("one that came later tells too", is_told_by_router(forge, 1), 60)
    forge.aether("log", "level", "unset", ATTEMPTS)
    wait_until("it does no more", lambda: not is_told_by_router(forge, 1)(), 20)
    assert not is_told_by_router(forge, 1)()


def found(received: Received, trace: str, text: str) -> list[dict[str, Any]]:
    """Return what is told beside a line of a trace, once for each time it came."""
    return [
        {one.key: one.value.string_value for one in record.attributes}
        for record in received.records
        if record.trace_id.hex() == trace and text in record.body.string_value
    ]


def test_a_line_of_a_slice_reaches_the_collector_with_its_trace(
    forge: Forge, received: Received
) -> None:
    trace, status = ask(forge, 2, "order/collected")
    assert status == 200
    wait_until("it arrives", lambda: bool(found(received, trace, "ordered collected")), 30)
    (line,) = found(received, trace, "ordered collected")
    assert (line["process"], line["slice"], line["logger"]) == ("host", "e2e:shop", ORDERS)
    assert line["instance"].startswith("e2e:shop:1.0.0/")
    assert line["node"] in NAMES


def test_a_line_of_a_router_reaches_the_collector_with_its_trace(
    forge: Forge, received: Received
) -> None:
    forge.aether("log", "level", "set", ATTEMPTS, "debug")
    traces: list[str] = []

    def arrived() -> bool:
        traces.append(ask(forge, 3, f"lost/{secrets.token_hex(4)}")[0])
        return any(found(received, trace, "attempt failed") for trace in traces)

    wait_until("it arrives", arrived, 30)
    (line, *_) = (line for trace in traces for line in found(received, trace, "attempt failed"))
    assert (line["process"], line["logger"]) == ("router", ATTEMPTS)
    assert line["node"] in NAMES, "that of the instance tells as well as the one that was asked"
    assert line["instance"].startswith("e2e:shop:1.0.0/")
    assert {one["service.instance.id"] for one in received.resources} == NAMES
