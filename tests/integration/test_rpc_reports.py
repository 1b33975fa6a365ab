"""The report stream: follows the leader, survives its restart, refuses what it is told to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aether.core.model.ids import NodeId
from aether.errors import NotLeader
from aether.rpc.handlers import NodeReport
from aether.rpc.reports import LOOK_S, PERIOD_S, Reporter
from aether.tasks import Tasks
from tests.integration.rpc_nodes import RealClock, RpcNode, eventually

SHARED_EVERY_S = 1.0
"""How often the leader of a test shares something."""


class Reporting:
    """node-1 reporting; who leads is set by the test."""

    def __init__(self, one: RpcNode) -> None:
        self.leader: NodeId | None = None
        self.here: list[NodeReport] = []
        self.shared: list[bytes] = []
        self.measured = 0
        self.looks = 0
        self.reporter = Reporter(
            one.peers,
            leader=self.look,
            measure=self.measure,
            local=self.take,
            clock=RealClock(),
            shared=self.hear_back,
        )

    async def hear_back(self, packed: bytes) -> None:
        if packed == b"broken":
            raise ValueError("that is none")
        self.shared.append(packed)

    def look(self) -> NodeId | None:
        self.looks += 1
        return self.leader

    def measure(self) -> NodeReport:
        self.measured += 1
        return NodeReport(
            node=NodeId("node-1"), incarnation="i1", in_flight=3, instances=2, table_revision=17
        )

    async def take(self, report: NodeReport) -> None:
        self.here.append(report)


@asynccontextmanager
async def reporting(tmp_path: Path) -> AsyncIterator[tuple[Reporting, list[RpcNode]]]:
    started = [await RpcNode(f"node-{i + 1}", tmp_path).start() for i in range(3)]
    for node in started:
        node.addresses.update({other.name: other.address for other in started})
    report, tasks = Reporting(started[0]), Tasks()
    tasks.start("reporter", report.reporter.run())
    try:
        yield report, started
    finally:
        await tasks.stop()
        for node in started:
            await node.stop()


async def test_reports_go_to_the_leader_and_follow_it_at_once(tmp_path: Path) -> None:
    async with reporting(tmp_path) as (report, (_, two, three)):
        report.leader = two.name
        await eventually(lambda: len(two.reports) >= 2)
        assert two.reports[0] == NodeReport(
            node=NodeId("node-1"), incarnation="i1", in_flight=3, instances=2, table_revision=17
        )
        report.leader = three.name
        await eventually(lambda: bool(three.reports), within_s=0.9)
        report.leader = NodeId("node-1")
        await eventually(lambda: bool(report.here), within_s=0.9)
        assert not three.reports[2:]


async def test_no_leader_means_no_report(tmp_path: Path) -> None:
    async with reporting(tmp_path) as (report, (_, two, _three)):
        report.leader = two.name
        await eventually(lambda: bool(two.reports))
        report.leader = None
        ended = report.looks + 2  # the stream has seen it by then
        await eventually(lambda: report.looks > ended)
        measured, later = report.measured, report.looks + int(2 * PERIOD_S / LOOK_S)
        await eventually(lambda: report.looks > later, within_s=10)
        assert report.measured == measured
        report.leader = two.name
        await eventually(lambda: report.measured > measured)


async def test_a_leader_that_restarts_is_reported_to_again(tmp_path: Path) -> None:
    async with reporting(tmp_path) as (report, (_, two, _three)):
        report.leader = two.name
        await eventually(lambda: bool(two.reports))
        port, before = two.server.port, list(two.reports)
        await two.server.stop(0)
        measured = report.measured
        two.reports.clear()
        await two.start(port)
        await eventually(lambda: len(two.reports) >= 2, within_s=10)
        assert set(two.reports) == set(before), "what it hears is what the node says of itself"
        assert report.measured >= measured + 2, "and is measured anew, not what it missed"
        assert report.here == []


async def test_a_refused_stream_is_opened_again_not_faster_than_the_back_off(
    tmp_path: Path,
) -> None:
    async with reporting(tmp_path) as (report, (_, two, three)):
        two.refuse_reports_with = NotLeader("node-2 does not lead")
        report.leader = two.name
        await eventually(lambda: report.measured >= 3)
        assert two.reports == []
        report.leader = three.name
        await eventually(lambda: bool(three.reports))


async def test_what_the_leader_shares_comes_back_on_the_stream(tmp_path: Path) -> None:
    async with reporting(tmp_path) as (report, (_, two, three)):
        two.shares = [b"one", b"broken", bytes(4 * 1024 * 1024)]
        report.leader = two.name
        await eventually(lambda: len(report.shared) == 2)
        assert report.shared == [b"one", bytes(4 * 1024 * 1024)]
        await eventually(lambda: len(two.reports) >= 2)  # one that is broken ends nothing
        three.shares = [b"other"]
        report.leader = three.name
        await eventually(lambda: report.shared[-1] == b"other")


async def test_reports_come_into_step_with_what_is_shared(tmp_path: Path) -> None:
    """Shared once a second, a report leaves some 0.8 s after that, wherever it left before."""
    async with reporting(tmp_path) as (report, (_, two, _three)):
        times = list[float]()
        loop = asyncio.get_running_loop()

        async def aggregates() -> AsyncIterator[bytes]:
            while True:
                await asyncio.sleep(SHARED_EVERY_S)
                times.append(loop.time())
                yield b"news"

        two.aggregates = aggregates  # type: ignore[method-assign] # what the leader sends, by the clock
        report.leader = two.name
        gaps: list[float] = []
        for _ in range(5):
            told = len(times)
            await eventually(lambda told=told: len(times) > told)  # type: ignore[misc] # bound while it is this one
            shared_at, heard = times[-1], len(two.reports)
            await eventually(lambda heard=heard: len(two.reports) > heard)  # type: ignore[misc] # as above
            gaps.append(loop.time() - shared_at)
    assert 0.6 < sorted(gaps[2:])[1] < 1.1, gaps
