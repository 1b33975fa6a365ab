"""How late an event loop is while forecasts are made: `python -m tests.bench.forecast_lag MODE`, a process each.

Prints the 99th percentile and the worst, in ms, of a timer that is due every ms.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable

from aether.forecast.runtime import OnnxForecaster, open_forecaster
from tests.bench.forecast_pasts import pasts

TICK_S = 0.001
LONG_S = 2.0
"""How long one looks, where what is done has no end of its own."""
PAUSE_S = 0.02
SETTLE_S = 0.2
RUNS = 5
HISTORIES = pasts(64)


async def _idle() -> None:
    await asyncio.sleep(LONG_S)


async def _batches() -> None:
    """Make 50 forecasts of 64 slices a second: a node makes one a minute."""
    forecaster = await _opened()
    end = time.monotonic() + LONG_S
    while time.monotonic() < end:
        await forecaster.predict(HISTORIES)
        await asyncio.sleep(PAUSE_S)
    forecaster.close()


async def _start() -> None:
    """Start the process of the model, as a node does that comes to lead."""
    (await _opened()).close()


async def _opened() -> OnnxForecaster:
    forecaster = await open_forecaster(None)
    if isinstance(forecaster, str):
        raise SystemExit(forecaster)
    return forecaster


async def _load() -> None:
    """Load the model into this process, in a thread: what a node does not do."""
    await asyncio.to_thread(OnnxForecaster.load)


MODES: dict[str, Callable[[], Awaitable[None]]] = {
    "idle": _idle,
    "batches": _batches,
    "start": _start,
    "load here": _load,
}


async def _watched(work: Callable[[], Awaitable[None]]) -> list[float]:
    late = list[float]()

    async def tick() -> None:
        while True:
            due = time.perf_counter() + TICK_S
            await asyncio.sleep(TICK_S)
            late.append((time.perf_counter() - due) * 1000)

    ticking = asyncio.get_running_loop().create_task(tick())
    await asyncio.sleep(SETTLE_S)
    late.clear()
    await work()
    await asyncio.sleep(2 * TICK_S)
    ticking.cancel()
    return sorted(late)


def lags() -> list[tuple[str, str, float, str]]:
    """Return the median p99 and worst of some processes for each mode, as numbers of a benchmark."""
    numbers = []
    for mode in MODES:
        runs = [_run(mode) for _ in range(RUNS)]
        for name in ("p99", "worst"):
            median = sorted(run[name] for run in runs)[RUNS // 2]
            numbers.append((f"lag/{mode}", name, median, "ms"))
        numbers.append((f"lag/{mode}", "most", max(run["worst"] for run in runs), "ms"))
    return numbers


def _run(mode: str) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.bench.forecast_lag", mode]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    late = asyncio.run(_watched(MODES[sys.argv[1]]))
    told = {"p99": late[int(len(late) * 0.99)], "worst": late[-1]}
    sys.stdout.write(json.dumps(told) + "\n")
