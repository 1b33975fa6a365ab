import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from aether.core.metrics.samples import SliceSample, decode_sample
from aether.core.model.ids import InstanceId, NodeId
from aether.node.clock import MonotonicClock
from aether.ports import HostStatus
from aether.tasks import Tasks
from aether.telemetry.sampling import NodeSampler
from tests.integration.rpc_nodes import eventually

COUNTED = SliceSample("g.x:a", 5, 0, 0, 100, (), 1)


def host(pid: int) -> HostStatus:
    instance = InstanceId("g.x:a:1.0.0/0")
    return HostStatus(
        instance=instance, generation=1, pid=pid, state="active", socket="", token="", in_flight=4
    )


def sampler(tmp_path: Path, hosts: Sequence[HostStatus]) -> NodeSampler:
    return NodeSampler(
        NodeId("n-1"), "life-1", tmp_path, MonotonicClock(), hosts=lambda: hosts,
        slices=lambda: (1.0, (COUNTED,)),
    )  # fmt: skip


async def test_a_node_is_measured_with_its_instances(tmp_path: Path) -> None:
    made, tasks = sampler(tmp_path, [host(os.getpid())]), Tasks()
    tasks.start("sampling", made.run())
    try:
        await eventually(lambda: bool(made.sample().instances))
        sample = decode_sample(made.packed())
    finally:
        await tasks.stop()
    assert (sample.node, sample.incarnation, sample.covered_s) == ("n-1", "life-1", 1.0)
    assert sample.slices == (COUNTED,)
    (one,) = sample.instances
    assert (one.instance, one.in_flight) == ("g.x:a:1.0.0/0", 4)
    assert one.rss == pytest.approx(sample.rss, rel=0.2)
    assert sample.memory_total > sample.memory_used > 0
    assert sample.fds_most >= sample.fds > 0


async def test_before_anything_was_measured_there_is_a_sample_all_the_same(tmp_path: Path) -> None:
    sample = decode_sample(sampler(tmp_path, []).packed())
    assert (sample.cpu, sample.instances) == (0.0, ())
