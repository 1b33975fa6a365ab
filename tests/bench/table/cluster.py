"""From an operator's call to the use of what it changed in every router of a real cluster."""

import contextlib
import json
import os
import socket
import statistics
import threading
import time
from http.client import HTTPResponse

from e2e.forge import Forge, call, running_forge, wait_until
from tests.bench.report import Result, conditions

PORT_OFFSET = 4_700
NODES = int(os.environ.get("BENCH_NODES", "5"))
CHANGES = int(os.environ.get("BENCH_CHANGES", "100"))
REQUESTS = 500
"""Asked of each router once an instance is gone."""
INSTANCES = 6
UP_S = 300.0
SETTLE_S = 60.0
POLL_S = 0.002
SLICE = "org.example:hello-asgi"
BLUEPRINT = "org.example:many"
TEXT = f"""
id = "{BLUEPRINT}:1.0.0"

[[slices]]
artifact = "{SLICE}:1.0.0"
instances = {INSTANCES}
min_instances = 1
"""


def measure() -> list[Result]:
    """Measure a cluster of its own."""
    with running_forge(
        PORT_OFFSET, "--nodes", str(NODES), "--artifact", "examples/asgi_app"
    ) as forge:
        _deploy(forge)
        took = [_weigh(forge, turn) for turn in range(1, CHANGES + 1)]
        late = _remove(forge)
    said = conditions(
        f"{NODES} nodes on one machine", f"{CHANGES} changes of a weight, from the call on"
    )
    numbers = [
        ("weight, in every router", "p50", statistics.median(took) * 1e3, "ms"),
        (
            "weight, in every router",
            "p99",
            sorted(took)[max(0, CHANGES * 99 // 100 - 1)] * 1e3,
            "ms",
        ),
        ("removed instances", "requests", float(late), f"of {NODES * REQUESTS}"),
    ]
    return [
        Result(
            bench="table",
            case=case,
            metric=metric,
            value=round(value, 2),
            unit=unit,
            conditions=said,
        )
        for case, metric, value, unit in numbers
    ]


def _deploy(forge: Forge) -> None:
    answer = forge.api(1, "blueprints", "POST", TEXT.encode())
    if answer.status != 200:
        raise RuntimeError(f"not applied: {answer.body.decode()}")
    wait_until("all instances serve", lambda: forge.is_deployed(1, BLUEPRINT), UP_S)


def _weigh(forge: Forge, turn: int) -> float:
    """Change the weight of the version; return the seconds until every router works by it."""
    body = {"weights": [{"version": "1.0.0", "weight": turn}], "rules": []}
    began = time.perf_counter()
    answer = forge.api(1, f"slices/{SLICE}/traffic", "PUT", json.dumps(body).encode())
    if answer.status != 200:
        raise RuntimeError(f"not weighed: {answer.body.decode()}")
    _wait_in_use(forge, answer.json()["revision"])
    return time.perf_counter() - began


def _wait_in_use(forge: Forge, revision: int) -> None:
    """Return once every router works by a table of this revision or a later one."""
    late = list(range(1, NODES + 1))
    deadline = time.monotonic() + SETTLE_S
    while late := [node for node in late if _revision(forge, node) < revision]:
        if time.monotonic() > deadline:
            raise RuntimeError(f"routers of nodes {late} did not reach revision {revision}")
        threading.Event().wait(POLL_S)


def _revision(forge: Forge, node: int) -> int:
    """Return the revision of the table a router works by."""
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as link:
        link.settimeout(5)
        link.connect(str(forge.data_dir / f"node-{node}" / "run" / "router.sock"))
        link.sendall(b"GET /_aether/health HTTP/1.1\r\nhost: router\r\n\r\n")
        response = HTTPResponse(link)
        response.begin()
        return int(json.loads(response.read())["revision"])


def _remove(forge: Forge) -> int:
    """Go down to one instance under load; return the requests that removed ones got afterwards."""
    before = _instances(forge)
    scaled = forge.aether("slice", "scale", SLICE, "1", check=False)
    if scaled.returncode:
        raise RuntimeError(f"not scaled: {scaled.stdout}{scaled.stderr}")
    wait_until("one is left", lambda: len(_instances(forge)) == 1, SETTLE_S)
    gone = before - _instances(forge)
    _wait_in_use(forge, max(_revision(forge, node) for node in range(1, NODES + 1)))
    return sum(_asked(forge, node) in gone for node in range(1, NODES + 1) for _ in range(REQUESTS))


def _asked(forge: Forge, node: int) -> str:
    """Ask the router of a node; return the instance that answered."""
    answer = call(forge.router(node), "GET", "/hello/world")
    if answer.status >= 500:
        raise RuntimeError(f"the router of node {node} answered {answer.status}")
    return answer.headers.get("x-aether-instance", "")


def _instances(forge: Forge) -> set[str]:
    status = forge.api(1, f"blueprints/{BLUEPRINT}/status").json()
    return {instance["instance"] for slice_ in status["slices"] for instance in slice_["instances"]}
