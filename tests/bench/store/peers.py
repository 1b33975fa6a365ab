"""What is measured: three members of a store on this machine, whichever store it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.bench.store.cost import percentile

VALUE_BYTES = 100
KEY = "bench/key-0000000001"
"""What is read; present from the start."""
STREAMS = 16
"""Clients that share one connection: etcd serves few connections of many streams best."""
WARM_S = 1.0
"""At the start of a load, not counted in rates and latencies."""
MEMBERS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What one closed-loop run gave. Latencies in milliseconds."""

    done: int
    """Requests answered in the whole run, warm-up included: what processor time is divided by."""
    ops_s: float
    p50_ms: float
    p99_ms: float
    client_cpu_s: float
    wall_s: float


class Peer(Protocol):
    """Three members of one store, all on loopback, with their directories on the same disk."""

    name: str

    def start(self, folder: Path, *, compaction: bool = True) -> None:
        """Start on an empty folder and return once a leader answers; without compaction the log
        is kept whole."""
        ...

    def stop(self) -> None:
        """End all members; no error when they are gone."""
        ...

    def pids(self) -> Sequence[int]:
        """Return the members' processes."""
        ...

    def leader(self) -> int:
        """Return which member leads, from 0; raises TimeoutError when none does in 20 s."""
        ...

    def term(self) -> int:
        """Return the highest Raft term any member knows: one more for each election."""
        ...

    def revision(self) -> int:
        """Return the revision a linearizable read sees."""
        ...

    def load(self, kind: str, clients: int, seconds: float) -> Load:
        """Load the leader: `write`, `read` (linearizable) or `stale`. Raises RuntimeError when any
        request failed, or when the servers did not count what the client counted."""
        ...

    def put(self, member: int, key: str, timeout_s: float) -> bool:
        """Write one key through one member; False when it failed or time ran out."""
        ...

    def kill(self, member: int) -> None:
        """Kill -9 one member and wait for its end."""
        ...

    def revive(self, member: int) -> None:
        """Start a killed member again; does not wait."""
        ...

    def serves(self, member: int) -> bool:
        """Whether a linearizable read through this member works now."""
        ...


def summarise(starts_s: list[float], took_s: list[float], client_cpu_s: float) -> Load:
    """Make a Load of the requests' start times and durations, in the order they were answered."""
    began = min(starts_s)
    ended = max(start + took for start, took in zip(starts_s, took_s, strict=True))
    counted = sorted(
        took for start, took in zip(starts_s, took_s, strict=True) if start >= began + WARM_S
    )
    return Load(
        done=len(took_s),
        ops_s=len(counted) / max(1e-9, ended - began - WARM_S),
        p50_ms=1000 * percentile(counted, 0.5),
        p99_ms=1000 * percentile(counted, 0.99),
        client_cpu_s=client_cpu_s,
        wall_s=ended - began,
    )
