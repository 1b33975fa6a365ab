"""What measures a node, put together: samples go in where reports are made, aggregates come out."""

import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from aether.core.model.ids import NodeId
from aether.node.clock import MonotonicClock
from aether.node.measuring import Measured, measure
from aether.node.stores import NodeStore
from aether.ports import Member
from aether.tasks import Tasks
from aether.telemetry.traffic import NodeTraffic
from tests.integration.rpc_nodes import eventually

N1 = NodeId("n1")
MEMBERS = [Member(N1, "n1:1"), Member(NodeId("n2"), "n2:1"), Member(NodeId("n3"), "n3:1", voter=False)]  # fmt: skip


async def test_a_leader_hears_itself_and_knows_how_many_voters_may_fail() -> None:
    store = SimpleNamespace(
        store=SimpleNamespace(leader=N1), group=SimpleNamespace(members=MEMBERS)
    )
    clock = MonotonicClock()
    with tempfile.TemporaryDirectory() as folder:
        what = Measured(
            N1, "life-1", Path(folder), clock, cast("NodeStore", store), NodeTraffic(clock)
        )
        made, tasks = measure(what, hosts=list), Tasks()
        made.start(tasks)
        try:
            reports = made.for_reports()
            await reports.hear(reports.sample())
            await eventually(lambda: bool(made.metrics.nodes()))
        finally:
            await tasks.stop()
    assert list(made.metrics.nodes()) == [N1]
    # One of two voters is measured, two are needed: one too few.
    assert dict(made.metrics.series("cluster.quorum_margin")) == {"": -1.0}
