"""How long the leader's decision takes: project + look + reconcile, and how that grows.

`BENCH_ONLY` chooses among `stories`, `growth`, `memory` and `stall`; `BENCH_SIZES` the clusters, as in
`50x5000,1000x10000`. Times are of one process, garbage collection on as in a node; p50 and p99 are of all
turns of a story, `cpu` is the median of the processor's time. Wanted: at most 100 ms with 50 nodes and 5,000 instances, 1 s with 1,000 and 10,000.
"""

import os
from collections.abc import Callable, Iterable, Iterator

from tests.bench.control.growth import Number, growth_numbers, memory_numbers
from tests.bench.control.stall import stall_numbers
from tests.bench.control.turns import stories
from tests.bench.control.worlds import PER_SLICE, Size
from tests.bench.report import Result, conditions, write
from tests.bench.store.cost import percentile

SIZES = "50x5000,1000x10000"


def run() -> None:
    """Measure what was asked for and print the results."""
    sizes = [parse_size(text) for text in os.environ.get("BENCH_SIZES", SIZES).split(",")]
    sections: dict[str, Callable[[], Iterable[Number]]] = {
        "stories": lambda: (found for size in sizes for found in story_numbers(size)),
        "growth": growth_numbers,
        "memory": lambda: memory_numbers(sizes),
        "stall": lambda: stall_numbers(sizes[0]),
    }
    for name in os.environ.get("BENCH_ONLY", ",".join(sections)).split(","):
        said = conditions(f"{PER_SLICE} instances a slice, one process, no store")
        write([_result(*number, said) for number in sections[name]()])


def parse_size(text: str) -> Size:
    """Return nodes and instances of `50x5000`."""
    nodes, _, instances = text.partition("x")
    return Size(int(nodes), int(instances))


def story_numbers(size: Size) -> Iterator[Number]:
    """Yield case, metric, value and unit of every kind of turn."""
    for name, took in stories(size).items():
        case = f"{name}/{size.name}"
        ordered = sorted(1000 * turn.wall for turn in took)
        yield case, "p50", percentile(ordered, 0.5), "ms"
        yield case, "p99", percentile(ordered, 0.99), "ms"
        yield case, "cpu", percentile(sorted(1000 * turn.cpu for turn in took), 0.5), "ms"
        yield case, "turns", float(len(took)), ""


def _result(case: str, metric: str, value: float, unit: str, said: str) -> Result:
    return Result(
        bench="control",
        case=case,
        metric=metric,
        value=round(value, 3),
        unit=unit,
        conditions=said,
    )
