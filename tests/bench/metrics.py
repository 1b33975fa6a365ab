"""What measuring costs: nodes with instances that are real processes, one leader, real gRPC between them.

Each node is a process of its own with everything that measures: sampler, reports, aggregates, windows.
Instances are processes that were forked to be measured; all nodes measure the same ones and call them
by names of their own. What is told is the CPU time of a node process beyond one that reports as ever but
measures nothing, and the bytes a node sends and gets, by instance and second. As many series as are kept
are measured without processes, by `many_series`.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from aether.core.metrics.histogram import Histogram, to_sparse
from aether.core.metrics.samples import SliceSample
from aether.core.model.ids import Artifact, InstanceId, NodeId
from aether.errors import NotLeader
from aether.node.clock import MonotonicClock
from aether.ports import HostStatus
from aether.rpc.handlers import NodeReport
from aether.rpc.peers import Peers
from aether.rpc.reports import Reporter
from aether.rpc.server import ClusterServer
from aether.tasks import Tasks
from aether.telemetry.cluster_metrics import ClusterMetrics
from aether.telemetry.sampling import NodeSampler
from tests.bench import many_series
from tests.bench.report import conditions, own_results, write

NODES = 5
SLICES = 20
WARM_S = 4.0
LEADER = NodeId("node-1")
_TO_BE_MEASURED = """
import os, signal, sys
for number in range(int(sys.argv[1])):
    pid = os.fork()
    if pid == 0:
        for _ in range(20):
            os.open("/dev/null", os.O_RDONLY)
        signal.pause()
    print(pid, flush=True)
signal.pause()
"""


def run() -> None:
    """Print CPU and bytes of measuring nodes."""
    count = int(os.environ.get("BENCH_INSTANCES", "100"))
    seconds = float(os.environ.get("BENCH_SECONDS", "20"))
    with processes(count) as pids:
        plain = _measure(pids, seconds, measures=False)
        measuring = _measure(pids, seconds, measures=True)
    said = conditions(f"{NODES} nodes of {count} instances and {SLICES} slices", f"{seconds:g} s")
    numbers = []
    for role, node in (("leader", 0), ("follower", 1)):
        extra = measuring[node]["cpu_s"] - plain[node]["cpu_s"]
        case = f"{role}/{count}"
        numbers += [
            (case, "cpu", 100 * extra / seconds, "% of a core"),
            (case, "cpu whole", 100 * measuring[node]["cpu_s"] / seconds, "% of a core"),
            (case, "lag", 1000 * measuring[node]["lag_s"], "ms, worst"),
        ]
    told = measuring[1]
    case = f"follower/{count}"
    for metric in ("sent", "got"):
        numbers.append((case, metric, told[metric] / seconds / count, "bytes/instance/s"))
    numbers += asyncio.run(many_series.numbers())
    write(own_results("metrics", numbers, said))


@contextmanager
def processes(count: int) -> Iterator[list[int]]:
    """Fork so many processes with 20 open files each, and end them."""
    command = [sys.executable, "-c", _TO_BE_MEASURED, str(count)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as parent:
        assert parent.stdout is not None
        try:
            yield [int(parent.stdout.readline()) for _ in range(count)]
        finally:
            os.killpg(parent.pid, 9)


def _measure(pids: list[int], seconds: float, *, measures: bool) -> list[Mapping[str, float]]:
    """Run all nodes and return what each says of itself."""
    spawn = get_context("spawn")
    links = [spawn.Pipe() for _ in range(NODES)]
    nodes = [
        spawn.Process(target=_node, args=(number, pids, measures, seconds, theirs), daemon=True)
        for number, (_, theirs) in enumerate(links)
    ]
    for node in nodes:
        node.start()
    try:
        ports = [ours.recv() for ours, _ in links]
        for ours, _ in links:
            ours.send(ports)
        told = [ours.recv() for ours, _ in links]
        for ours, _ in links:
            ours.send("go")
        return told
    finally:
        for node in nodes:
            node.terminate()
            node.join(10)


def _node(number: int, pids: list[int], measures: bool, seconds: float, link: Connection) -> None:
    asyncio.run(_life(number, pids if measures else [], seconds, link))


class _Node:
    """`rpc.handlers.ClusterHandlers`, reports and aggregates only, and what was counted of them."""

    def __init__(self, number: int, pids: list[int], folder: Path) -> None:
        self.name = NodeId(f"node-{number + 1}")
        self.ports: list[int] = []
        self.sent = self.got = 0
        self.lag_s = 0.0
        clock = MonotonicClock()
        self.peers = Peers(self.name, self._address, list)
        self.metrics = ClusterMetrics(self.name, clock, lambda: LEADER, lambda: [LEADER])
        self.measures = bool(pids)
        hosts = [_host(self.name, place, pid) for place, pid in enumerate(pids)]
        slices = tuple(_slice(place) for place in range(SLICES))
        self.sampler = NodeSampler(
            self.name, "life-1", folder, clock, hosts=lambda: hosts, slices=lambda: (1.0, slices)
        )
        self.reporter = Reporter(
            self.peers,
            leader=lambda: LEADER,
            measure=self._report,
            local=self.report,
            clock=clock,
            shared=self._take if self.measures else None,
        )

    def _address(self, node: NodeId) -> str:
        return f"127.0.0.1:{self.ports[int(node.removeprefix('node-')) - 1]}"

    def _report(self) -> NodeReport:
        packed = b""
        if self.measures:
            packed = self.sampler.packed()
        self.sent += len(packed)
        return NodeReport(node=self.name, incarnation="life-1", sample=packed)

    async def _take(self, packed: bytes) -> None:
        self.got += len(packed)
        await self.metrics.take(packed)

    async def report(self, report: NodeReport) -> None:
        if self.name != LEADER:
            raise NotLeader(f"{self.name} does not lead")
        await self.metrics.hear(report.sample)

    async def aggregates(self) -> AsyncIterator[bytes]:
        async for packed in self.metrics.aggregates():
            yield packed

    def start(self, tasks: Tasks) -> None:
        tasks.start("reports", self.reporter.run())
        if self.measures:
            tasks.start("sampling", self.sampler.run())
            tasks.start("metrics", self.metrics.run())

    def note_lag(self) -> None:
        lags = [one.sample.loop_lag_s for one in self.metrics.nodes().values() if one.sample.node == self.name]  # fmt: skip
        self.lag_s = max(self.lag_s, *lags, 0.0)


async def _life(number: int, pids: list[int], seconds: float, link: Connection) -> None:
    with tempfile.TemporaryDirectory(prefix="ae") as folder:
        node, tasks = _Node(number, pids, Path(folder)), Tasks()
        handlers: Any = node  # the other calls of the service are made by nobody here
        server = ClusterServer("127.0.0.1", 0, handlers)
        await server.start()
        link.send(server.port)
        node.ports = await asyncio.to_thread(link.recv)
        node.start(tasks)
        await asyncio.sleep(WARM_S)
        node.metrics.subscribe(node.note_lag)
        node.sent = node.got = 0
        began = time.process_time()
        await asyncio.sleep(seconds)
        used = time.process_time() - began
        link.send({"cpu_s": used, "sent": node.sent, "got": node.got, "lag_s": node.lag_s})
        await asyncio.to_thread(link.recv)  # all are heard before any goes
        await tasks.stop()
        await server.stop(0)
        await node.peers.close()


def _host(node: NodeId, place: int, pid: int) -> HostStatus:
    artifact = Artifact(f"org.example.shop:service-{place % SLICES}:1.12.3")
    number = int(node.removeprefix("node-"))
    return HostStatus(
        instance=InstanceId.of(artifact, 100 * number + place // SLICES),
        generation=1,
        pid=pid,
        state="active",
        socket="",
        token="",
        in_flight=3,
    )


def _slice(place: int) -> SliceSample:
    """Return a second of 200 requests with latencies from 2 to 200 ms."""
    found = Histogram()
    for request in range(200):
        found.record(0.002 * 100 ** (request / 200))
    base = f"org.example.shop:service-{place}"
    return SliceSample(base, 200, 1, 1, found.ticks, tuple(to_sparse(found.counts)), 6)
