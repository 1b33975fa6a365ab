import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from aether.core.metrics.samples import InstanceSample, SliceSample, decode_sample
from aether.core.model.ids import InstanceId, NodeId
from aether.node.clock import MonotonicClock
from aether.ports import HostStatus
from aether.tasks import Tasks
from aether.telemetry.processes import HostProcess
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


async def test_what_cannot_be_measured_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, tasks, tries = sampler(tmp_path, [host(os.getpid())]), Tasks(), list[int]()
    measure = made._processes.sample

    def broken(hosts: list[HostProcess], now: float) -> tuple[InstanceSample, ...]:
        tries.append(1)
        if len(tries) == 1:
            raise KeyError("a process that has just gone")
        return measure(hosts, now)

    monkeypatch.setattr(made._processes, "sample", broken)
    tasks.start("sampling", made.run())
    try:
        await eventually(lambda: bool(made.sample().instances))
    finally:
        await tasks.stop()
    assert len(tries) >= 2


async def test_before_anything_was_measured_there_is_a_sample_all_the_same(tmp_path: Path) -> None:
    sample = decode_sample(sampler(tmp_path, []).packed())
    assert (sample.cpu, sample.instances) == (0.0, ())
