"""What forecasts cost: processor time and wall time of batches on one thread, and of loading the model."""

import math
import time
from array import array

from aether.forecast.card import SHIPPED, read
from aether.forecast.inputs import build
from aether.forecast.runtime import OnnxForecaster
from aether.forecast.session import Session
from tests.bench.report import conditions, own_results, write

ROUNDS, CALLS = 30, 10
SLICES = (1, 16, 64)


def run() -> None:
    """Measure and print; the processor time is the least of rounds, which a busy machine does not change."""
    before = time.process_time()
    forecaster = OnnxForecaster.load()
    numbers = [("load", "cpu", (time.process_time() - before) * 1000, "ms")]
    for slices in SLICES:
        pasts = [_past(number) for number in range(slices)]
        cpu, wall = _measured(forecaster, pasts)
        numbers += [
            (f"batch/{slices}", "cpu", cpu, "ms"),
            (f"batch/{slices}", "p50", wall[len(wall) // 2], "ms"),
            (f"batch/{slices}", "p99", wall[int(len(wall) * 0.99)], "ms"),
        ]
    numbers.append(("model/64", "cpu", _model_alone(), "ms"))
    write(
        own_results("forecast", numbers, conditions("26 h of minutes per slice, inputs included"))
    )


def _model_alone() -> float:
    """Return the least mean processor time of the model itself on 64 histories, in ms."""
    session = Session(read(SHIPPED)[1])
    inputs = build([_past(number) for number in range(64)], 60.0)
    session.run(inputs)
    least = math.inf
    for _ in range(ROUNDS):
        began = time.thread_time()
        for _ in range(CALLS):
            session.run(inputs)
        least = min(least, (time.thread_time() - began) / CALLS * 1000)
    return least


def _past(number: int) -> "array[float]":
    """Return a day and two hours, in the form histories are kept in."""
    return array("f", [100 + 50 * math.sin((minute + 97 * number) / 200) for minute in range(1560)])


def _measured(forecaster: OnnxForecaster, pasts: "list[array[float]]") -> tuple[float, list[float]]:
    """Return the least mean processor time of a call over rounds, and every call's wall time, in ms."""
    forecaster.predict_now(pasts)
    wall: list[float] = []
    cpu = math.inf
    for _ in range(ROUNDS):
        began = time.thread_time()
        for _ in range(CALLS):
            at = time.perf_counter()
            forecaster.predict_now(pasts)
            wall.append((time.perf_counter() - at) * 1000)
        cpu = min(cpu, (time.thread_time() - began) / CALLS * 1000)
    return cpu, sorted(wall)
