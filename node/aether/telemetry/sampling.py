"""Measures this node once a second: machine and host processes in a thread, the rest where it is known."""

import asyncio
import os
import resource
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import structlog

from aether.core.metrics.samples import InstanceSample, NodeSample, SliceSample, encode_sample
from aether.core.model.ids import NodeId
from aether.ports import Clock, HostStatus
from aether.telemetry.event_loop import GcPauses, LoopLag
from aether.telemetry.machine import MachineFigures, MachineSampler
from aether.telemetry.processes import (
    HostProcess,
    ProcessSampler,
    count_fds,
    read_process,
)

PERIOD_S = 1.0

_log = structlog.get_logger()

SlicesOfSecond = Callable[[], tuple[float, tuple[SliceSample, ...]]]
"""Returns for how long the routers counted, and what; `NodeTraffic.by_slice` is one."""


@dataclass(frozen=True, slots=True)
class _Measured:
    """What the thread brought back."""

    machine: MachineFigures
    instances: tuple[InstanceSample, ...]
    rss: int
    fds: int


class NodeSampler:
    """Measures while `run` runs; `sample` answers at once, from what was measured last."""

    def __init__(
        self,
        node: NodeId,
        incarnation: str,
        data_dir: Path,
        clock: Clock,
        *,
        hosts: Callable[[], Iterable[HostStatus]],
        slices: SlicesOfSecond,
    ) -> None:
        self._node = node
        self._incarnation = incarnation
        self._clock = clock
        self._hosts = hosts
        self._slices = slices
        self._machine = MachineSampler(data_dir)
        self._processes = ProcessSampler()
        self._lag = LoopLag()
        self._gc = GcPauses()
        self._fds_most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        self._measured = _Measured(MachineFigures(), (), 0, 0)

    async def run(self) -> None:
        """Measure once a second until cancelled."""
        self._lag.start()
        self._gc.start()
        try:
            while True:
                began = self._clock.now()
                hosts = [
                    HostProcess(str(host.instance), host.pid, host.in_flight)
                    for host in self._hosts()
                ]
                try:
                    self._measured = await asyncio.to_thread(self._measure, hosts, began)
                except Exception:  # noqa: BLE001 - a figure must not end the node; the trace is logged
                    _log.exception("not measured")
                await self._clock.sleep(max(PERIOD_S - (self._clock.now() - began), 0.1))
        finally:
            self._lag.stop()
            self._gc.stop()

    def _measure(self, hosts: list[HostProcess], now: float) -> _Measured:
        """Read the machine and the processes; runs in a thread."""
        me = read_process(os.getpid())
        return _Measured(
            machine=self._machine.sample(now),
            instances=self._processes.sample(hosts, now),
            rss=me.rss if me is not None else 0,
            fds=count_fds(os.getpid()),
        )

    def sample(self) -> NodeSample:
        """Return the sample of the time since this was asked last."""
        machine, measured = self._measured.machine, self._measured
        covered_s, slices = self._slices()
        gc_pause_s, gc_count = self._gc.take()
        return NodeSample(
            node=self._node,
            incarnation=self._incarnation,
            at_ms=int(time.time() * 1000),
            cpu=machine.cpu,
            cores=machine.cores,
            memory_used=machine.memory_used,
            memory_total=machine.memory_total,
            rss=measured.rss,
            loop_lag_s=self._lag.take(),
            fds=measured.fds,
            fds_most=self._fds_most if self._fds_most > 0 else 0,
            disk_used=machine.disk_used,
            disk_total=machine.disk_total,
            net_in=machine.net_in,
            net_out=machine.net_out,
            gc_pause_s=gc_pause_s,
            gc_count=gc_count,
            covered_s=covered_s,
            instances=measured.instances,
            slices=slices,
        )

    def packed(self) -> bytes:
        """Return the same as the bytes that travel to the leader; nothing when that fails.

        The report they go with keeps this node on duty: it must leave whatever becomes of figures.
        """
        try:
            return encode_sample(self.sample())
        except Exception:  # noqa: BLE001 - see above; the trace is logged
            _log.exception("no sample made")
            return b""
