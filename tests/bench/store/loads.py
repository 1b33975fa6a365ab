"""Closed loops against the leader, peers in turn; and what the members cost with no load at all."""

import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.bench.store import cost
from tests.bench.store.numbers import Number
from tests.bench.store.peers import Peer

CLIENTS = (1, 16, 64, 256)
KINDS = ("write", "read", "stale")
IDLE_S = 15.0
SETTLE_S = 1.0


@contextlib.contextmanager
def started(peers: Sequence[Peer], *, compaction: bool = True) -> Iterator[None]:
    """Start every peer in a directory of its own below one directory, and end them."""
    with tempfile.TemporaryDirectory(prefix="ae", dir="/tmp") as folder:
        try:
            for peer in peers:
                (Path(folder) / peer.name).mkdir()
                peer.start(Path(folder) / peer.name, compaction=compaction)
            yield
        finally:
            for peer in peers:
                peer.stop()


def load_numbers(peers: Sequence[Peer], seconds: float, rounds: int) -> Iterator[Number]:
    """Load all peers in turns; who begins changes from round to round."""
    with started(peers):
        for turn in range(rounds):
            order = peers if turn % 2 == 0 else list(reversed(peers))
            for kind in KINDS:
                for clients in CLIENTS:
                    for peer in order:
                        yield from _loaded(peer, kind, clients, seconds)


def _loaded(peer: Peer, kind: str, clients: int, seconds: float) -> Iterator[Number]:
    case = f"{kind}/{clients}"
    revision = peer.revision()
    pids = peer.pids()
    cost.settle(SETTLE_S)
    before = cost.cpu_s(pids)
    load = peer.load(kind, clients, seconds)
    spent = cost.cpu_s(pids) - before
    written = peer.revision() - revision
    if kind == "write" and written < load.done:
        raise RuntimeError(f"{peer.name} {case}: {load.done} writes answered, {written} revisions")
    sys.stderr.write(f"{peer.name:7} {case:10} {load.ops_s:10,.0f}/s\n")
    for metric, value, unit in (
        ("ops", load.ops_s, "1/s"),
        ("p50", load.p50_ms, "ms"),
        ("p99", load.p99_ms, "ms"),
        ("cpu", 10_000 * spent / load.done, "s/10k"),
        ("client_cpu", 10_000 * load.client_cpu_s / load.done, "s/10k"),
        ("client_share", 100 * load.client_cpu_s / load.wall_s, "% of a core"),
        ("rss", max(cost.rss_mib(pids)), "MiB"),
    ):
        yield Number(peer.name, case, metric, value, unit)


def idle_numbers(peers: Sequence[Peer]) -> Iterator[Number]:
    """Measure fresh members that nobody asks anything, all peers in turn, one at a time."""
    for peer in peers:
        with started([peer]):
            cost.settle(SETTLE_S)
            before = {pid: cost.cpu_s([pid]) for pid in peer.pids()}
            began = time.monotonic()
            cost.settle(IDLE_S)
            took = time.monotonic() - began
            shares = [100 * (cost.cpu_s([pid]) - was) / took for pid, was in before.items()]
            yield Number(peer.name, "idle", "cpu", statistics.median(shares), "% of a core")
            yield Number(peer.name, "idle", "cpu_max", max(shares), "% of a core")
            rss = statistics.median(cost.rss_mib(peer.pids()))
            yield Number(peer.name, "idle", "rss", rss, "MiB")
