"""What forecasts cost: processor time of batches, and how late they make an event loop.

Processor time is the least of rounds, which a busy machine changes little. `batch` is what a node does: it
counts the thread that asks and the whole process of the model. `here` is the same within one process, and
`model` the model itself.
"""

import math
import time
from array import array
from collections.abc import Callable

from aether.forecast.card import SHIPPED, read
from aether.forecast.inputs import build
from aether.forecast.process import ModelProcess
from aether.forecast.session import Session
from tests.bench.forecast_lag import lags
from tests.bench.forecast_pasts import gapped, pasts
from tests.bench.report import conditions, own_results, write

ROUNDS, CALLS = 60, 10
SLICES = (1, 16, 64)

Number = tuple[str, str, float, str]


def run() -> None:
    """Measure and print."""
    model = read(SHIPPED)[1]
    session, process = Session(model), ModelProcess(model)
    began = time.perf_counter()
    process.start()
    numbers: list[Number] = [("start", "wall", (time.perf_counter() - began) * 1000, "ms")]
    batches = {str(slices): pasts(slices) for slices in SLICES} | {"64 gapped": gapped(64)}
    for name, batch in batches.items():
        numbers += _batch(f"batch/{name}", process, batch)
    process.close()
    inputs = build(batches["64"], 60.0)
    here = _least(lambda: session.predict(batches["64"], 60.0), time.thread_time)
    alone = _least(lambda: session.run(inputs), time.thread_time)
    numbers += [("here/64", "cpu", here, "ms"), ("model/64", "cpu", alone, "ms"), *lags()]
    write(own_results("forecast", numbers, conditions("26 h of minutes per slice")))


def _batch(case: str, process: ModelProcess, batch: "list[array[float]]") -> list[Number]:
    """Return the processor time of a batch in both processes, and its wall time."""
    wall = list[float]()

    def ask() -> None:
        at = time.perf_counter()
        process.predict(batch, 60.0)
        wall.append((time.perf_counter() - at) * 1000)

    cpu = _least(ask, lambda: time.thread_time() + process.cpu_elsewhere_s)
    wall.sort()
    return [
        (case, "cpu", cpu, "ms"),
        (case, "p50", wall[len(wall) // 2], "ms"),
        (case, "p99", wall[int(len(wall) * 0.99)], "ms"),
    ]


def _least(work: Callable[[], object], clock: Callable[[], float]) -> float:
    """Return the least mean time of a call over rounds, in ms."""
    work()
    least = math.inf
    for _ in range(ROUNDS):
        began = clock()
        for _ in range(CALLS):
            work()
        least = min(least, (clock() - began) / CALLS * 1000)
    return least
