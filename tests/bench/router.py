"""The router in front of one trivial origin on a Unix socket: rate, latency, processor time, memory."""

import contextlib
import json
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from aether.core.dataplane.table import Endpoint, RouteRow, Table
from aether.core.model.ids import InstanceId, NodeId, SliceBase
from aether.dataplane.table_file import write_table
from tests.bench import load
from tests.bench.report import Result, conditions, write

BASE = SliceBase("bench.local:origin")
NODE = NodeId("bench-1")
CASES = (("small", 99, 1), ("small", 99, 64), ("64k", 65536, 16))
"""Name, bytes of a response, connections."""
SECONDS = 5.0
WARM_S = 1.0
START_S = 20.0
POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class Stack:
    """The processes under load."""

    address: str
    router: psutil.Process


def run() -> None:
    """Measure every case and print the results."""
    loader = "wrk" if shutil.which("wrk") else "tests.bench.load"
    results: list[Result] = []
    with stack() as running:
        for name, size, connections in CASES:
            measure(running, f"/size/{size}", connections, WARM_S)
            numbers = measure(running, f"/size/{size}", connections, SECONDS)
            case = f"{name}/{connections}"
            results += [
                Result(
                    bench="router",
                    case=case,
                    metric=metric,
                    value=round(value, 4),
                    unit=unit,
                    conditions=conditions(f"client {loader}", f"{SECONDS:g} s"),
                )
                for metric, value, unit in numbers
            ]
    write(results)


@contextlib.contextmanager
def stack() -> Iterator[Stack]:
    """Start origin and router, and end them."""
    folder = Path(tempfile.mkdtemp(prefix="ae", dir="/tmp"))
    processes: list[subprocess.Popen[bytes]] = []
    try:
        origin = folder / "origin.sock"
        processes.append(
            subprocess.Popen([sys.executable, "-m", "tests.bench.origin", str(origin)])
        )
        write_table(folder / "router" / "table.json", table(origin))
        port, mesh_port = free_ports()
        command = ["-m", "aether.dataplane", "--node-id", NODE, "--data-dir", str(folder)]
        command += ["--port", str(port), "--mesh-port", str(mesh_port)]
        with (folder / "router.log").open("wb") as log:
            processes.append(subprocess.Popen([sys.executable, *command], stderr=log))
        wait_until_it_answers(f"http://127.0.0.1:{port}/size/1")
        yield Stack(f"127.0.0.1:{port}", psutil.Process(processes[1].pid))
    finally:
        for process in processes:
            process.terminate()
            process.wait(timeout=10)
        shutil.rmtree(folder)


def table(origin: Path) -> Table:
    """Return a table of realistic size, with the one route that is used among the others."""
    others = tuple(
        RouteRow(method="GET", pattern=f"/api/v1/things{number}/{{id}}", slice=BASE)
        for number in range(50)
    )
    used = RouteRow(method="GET", pattern="/size/{bytes}", slice=BASE)
    endpoint = Endpoint(
        instance=InstanceId(f"{BASE}:1.0.0/0"), slice=BASE, node=NODE, socket=str(origin)
    )
    return Table(revision=1, node=NODE, routes=(*others, used), instances=(endpoint,))


def free_ports() -> tuple[int, int]:
    """Return two ports nobody uses now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(_bound()) for _ in range(2)]
        first, second = (int(each.getsockname()[1]) for each in sockets)
        return first, second


def _bound() -> socket.socket:
    made = socket.socket()
    made.bind(("127.0.0.1", 0))
    return made


def wait_until_it_answers(url: str) -> None:
    """Return once the whole path works; raise TimeoutError when it never does."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=1):  # noqa: S310 - our own address
            return
        time.sleep(POLL_S)
    raise TimeoutError(f"{url} did not answer within {START_S:g} s")


def measure(
    running: Stack, path: str, connections: int, seconds: float
) -> list[tuple[str, float, str]]:
    """Load the router; return metric, value and unit."""
    before = running.router.cpu_times()
    outcome = (with_wrk if shutil.which("wrk") else with_ours)(
        running.address, path, connections, seconds
    )
    after = running.router.cpu_times()
    if outcome["failed"] or not outcome["requests"]:
        raise RuntimeError(f"{path} at {connections} connections: {outcome}")
    cpu_s = after.user + after.system - before.user - before.system
    return [
        ("ops", outcome["requests"] / outcome["seconds"], "1/s"),
        ("p50", outcome["p50"], "ms"),
        ("p99", outcome["p99"], "ms"),
        ("cpu", 10_000 * cpu_s / outcome["requests"], "s/10k"),
        ("rss", running.router.memory_info().rss / 2**20, "MiB"),
    ]


def with_ours(address: str, path: str, connections: int, seconds: float) -> dict[str, float]:
    """Load with the client of this repository, in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.load", address, path, str(connections)]
    done = subprocess.run([*command, str(seconds)], capture_output=True, text=True, check=True)
    outcome: dict[str, float] = json.loads(done.stdout)
    return outcome


def with_wrk(address: str, path: str, connections: int, seconds: float) -> dict[str, float]:
    """Load with wrk, one thread, the same headers."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--latency"]
    for line in load.HEADERS:
        command += ["-H", line]
    text = subprocess.run(
        [*command, f"http://{address}{path}"], capture_output=True, text=True, check=True
    ).stdout
    total = re.search(r"(\d+) requests in ([\d.]+)(m?s)", text)
    if total is None:
        raise RuntimeError(f"wrk said something unexpected: {text}")
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    return {
        "requests": float(total[1]),
        "seconds": float(total[2]) * (1 if total[3] == "s" else 0.001),
        "failed": float(failed[1]) if failed else 0.0,
        "p50": _percentile(text, "50%"),
        "p99": _percentile(text, "99%"),
    }


def _percentile(text: str, name: str) -> float:
    """Return one line of wrk's latency table, in milliseconds."""
    found = re.search(rf"{name}\s+([\d.]+)(us|ms|s)", text)
    if found is None:
        raise RuntimeError(f"wrk gave no {name}: {text}")
    return float(found[1]) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[found[2]]
