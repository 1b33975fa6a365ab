"""How the decision's time and memory grow with the cluster."""

import gc
import math
import tracemalloc
from collections.abc import Iterator, Mapping, Sequence

from tests.bench.control.turns import ROUNDS, STIRRED, Leader, Took, forget_names
from tests.bench.control.worlds import Cluster, Size
from tests.bench.store.cost import percentile

Number = tuple[str, str, float, str]
"""Case, metric, value, unit."""

INSTANCES = (1_000, 2_000, 5_000, 10_000, 20_000)
PER_NODE = 100


def growth_numbers() -> Iterator[Number]:
    """Yield medians over growing clusters, and the exponent of a power law through them."""
    steady: dict[int, float] = {}
    cold: dict[int, float] = {}
    for count in INSTANCES:
        size = Size(count // PER_NODE, count)
        leader = settled(size)
        steady[count], cold[count] = _steady_ms(leader), _cold_ms(leader)
        yield f"steady/{size.name}", "cpu", steady[count], "ms"
        yield f"cold/{size.name}", "cpu", cold[count], "ms"
    yield "steady/growth", "exponent", exponent(steady), ""
    yield "cold/growth", "exponent", exponent(cold), ""


def settled(size: Size) -> Leader:
    """Return the leader of a cluster in which everything serves."""
    cluster = Cluster(size)
    leader = Leader(cluster)
    cluster.deploy("1.0.0", 1)
    leader.turn()
    leader.settle("the roll-out")
    return leader


def _steady_ms(leader: Leader) -> float:
    leader.took = []
    for _ in range(ROUNDS):
        leader.cluster.stir(leader.view, STIRRED)
        leader.turn()
    return _median_ms(leader.took)


def _cold_ms(leader: Leader) -> float:
    took = []
    for _ in range(ROUNDS):
        forget_names()
        first = Leader(leader.cluster, leader.now)
        first.turn()
        took += first.took
    return _median_ms(took)


def _median_ms(took: Sequence[Took]) -> float:
    """Return the median of the processor's time: other work on the machine bends no curve."""
    return 1000 * percentile(sorted(turn.cpu for turn in took), 0.5)


def exponent(times: Mapping[int, float]) -> float:
    """Return b of time = a x size^b, by least squares of the logarithms."""
    points = [(math.log(size), math.log(taken)) for size, taken in sorted(times.items())]
    middle_x = sum(x for x, _ in points) / len(points)
    middle_y = sum(y for _, y in points) / len(points)
    above = sum((x - middle_x) * (y - middle_y) for x, y in points)
    return above / sum((x - middle_x) ** 2 for x, _ in points)


def memory_numbers(sizes: Sequence[Size]) -> Iterator[Number]:
    """Yield what a leader keeps between two turns, by the allocations that Python has counted.

    Not by the resident memory of the process, which hands out again what the set-up has freed.
    """
    for size in sizes:
        cluster = settled(size).cluster
        forget_names()
        gc.collect()
        tracemalloc.start()
        try:
            leader = Leader(cluster)
            leader.turn()
            gc.collect()
            kept = tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()
        yield f"leader/{size.name}", "memory", kept / 2**20, "MiB"
        del leader
