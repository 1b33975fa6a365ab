"""Whether members keep their leader while every core of the machine is busy with something else."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.bench.store import cost
from tests.bench.store.loads import started
from tests.bench.store.numbers import Number
from tests.bench.store.peers import Peer

PROBE_S = 0.05
"""Between two writes of the one client."""
ATTEMPT_S = 5.0
_BUSY = "while True: pass"


def calm_numbers(peers: Sequence[Peer], seconds: float) -> Iterator[Number]:
    """Burn every core for `seconds`, write all the while, and count elections; peers in turn."""
    for peer in peers:
        with started([peer]):
            before, leader = peer.term(), peer.leader()
            with _busy_cores():
                took = _writes(peer, leader, seconds)
            case = f"calm/{seconds:g}"
            done = sorted(each for each in took if each is not None)
            yield Number(peer.name, case, "elections", peer.term() - before, "")
            yield Number(peer.name, case, "unanswered", len(took) - len(done), "writes")
            yield Number(peer.name, case, "writes", len(done), "")
            yield Number(peer.name, case, "p99", 1000 * cost.percentile(done, 0.99), "ms")
            yield Number(peer.name, case, "most", 1000 * done[-1], "ms")


@contextmanager
def _busy_cores() -> Iterator[None]:
    """Run one busy loop a core, at the priority of the members."""
    loops = [subprocess.Popen([sys.executable, "-c", _BUSY]) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
        for loop in loops:
            loop.wait()


def _writes(peer: Peer, leader: int, seconds: float) -> list[float | None]:
    """Write through the member that led at first; return seconds each took, None when it failed."""
    took: list[float | None] = []
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at:
        began = time.monotonic()
        answered = peer.put(leader, f"bench/calm/{len(took) % 1000}", ATTEMPT_S)
        took.append(time.monotonic() - began if answered else None)
        cost.settle(PROBE_S)
    return took
