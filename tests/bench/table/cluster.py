"""How soon every router of a real cluster works by a change, and whom they ask after it.

A change is committed when the store process of the leading node tells its watchers so. It is in every
router once the slowest of them says that it works by a table of that revision. Weights are changed
by the API; instances come and go as a slice is scaled up and down. All the while one client a router
asks every 10 ms: no request that begins after its router uses the new table may be answered by an
instance that has left, and none may fail.
"""

import asyncio
import json
import os
import statistics
import time
from collections.abc import Callable, Sequence

from e2e.forge import Forge, running_forge, wait_until
from tests.bench.report import Result, conditions, own_results
from tests.bench.table.watching import Seen, watching

PORT_OFFSET = 4_700
NODES = int(os.environ.get("BENCH_NODES", "5"))
CHANGES = int(os.environ.get("BENCH_CHANGES", "100"))
"""Changes of a weight; instances come and go half as often each."""
INSTANCES = 6
FEWEST = 2
UP_S = 120.0
SETTLE_S = 30.0
PAUSE_S = 0.02
"""Between two changes of a weight."""
POLL_S = 0.005
SLICE = "org.example:hello-asgi"
BLUEPRINT = "org.example:many"
TEXT = f"""
id = "{BLUEPRINT}:1.0.0"

[[slices]]
artifact = "{SLICE}:1.0.0"
instances = {INSTANCES}
min_instances = 1
"""
KINDS = {
    "weight": "a weight changes",
    "comes": "an instance comes",
    "leaves": "an instance leaves",
}


def measure() -> list[Result]:
    """Measure a cluster of its own."""
    with running_forge(
        PORT_OFFSET, "--nodes", str(NODES), "--artifact", "examples/asgi_app"
    ) as forge:
        _deploy(forge)
        seen, called = asyncio.run(_change(forge))
    return _results(seen, called)


def _deploy(forge: Forge) -> None:
    answer = forge.api(1, "blueprints", "POST", TEXT.encode())
    if answer.status != 200:
        raise RuntimeError(f"not applied: {answer.body.decode()}")
    wait_until("all instances serve", lambda: forge.is_deployed(1, BLUEPRINT), UP_S)


async def _change(forge: Forge) -> tuple[Seen, list[float]]:
    """Change weights, then the number of instances; return what was seen and when calls began."""
    ports = {number: forge.router(number) for number in range(1, NODES + 1)}
    async with watching(forge.data_dir, forge.leader(), ports) as seen:
        await _until("every router answers", lambda: all(seen.tables.values()))
        called = [await _weigh(forge, seen, turn) for turn in range(1, CHANGES + 1)]
        while sum(each.what != "weight" for each in seen.commits) < CHANGES:
            for count in (FEWEST, INSTANCES):
                await _scale(forge, seen, count)
        return seen, called


async def _weigh(forge: Forge, seen: Seen, turn: int) -> float:
    """Change the weight of the version; return when the call began, once every router works by it."""
    body = json.dumps({"weights": {"1.0.0": turn}, "rules": []}).encode()
    began = time.perf_counter()
    path = f"slices/{SLICE}/traffic"
    answer = await asyncio.to_thread(forge.api, 1, path, "PUT", body)
    if answer.status != 200:
        raise RuntimeError(f"not weighed: {answer.body.decode()}")
    await _until(
        f"weight {turn} everywhere",
        lambda: (
            sum(each.what == "weight" for each in seen.commits) >= turn
            and seen.everywhere(seen.commits[-1].revision) is not None
        ),
    )
    await asyncio.sleep(PAUSE_S)
    return began


async def _scale(forge: Forge, seen: Seen, count: int) -> None:
    """Have so many instances; return once every router knows them."""
    before = len(seen.commits)
    path = f"slices/{SLICE}/scale"
    body = json.dumps({"instances": count}).encode()
    answer = await asyncio.to_thread(forge.api, 1, path, "POST", body)
    if answer.status != 200:
        raise RuntimeError(f"not scaled: {answer.body.decode()}")
    await _until(
        f"{count} instances everywhere",
        lambda: (
            len(seen.commits) - before >= INSTANCES - FEWEST
            and seen.everywhere(seen.commits[-1].revision) is not None
        ),
    )


async def _until(what: str, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SETTLE_S
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what}: not within {SETTLE_S:g} s")
        await asyncio.sleep(POLL_S)


def _results(seen: Seen, called: Sequence[float]) -> list[Result]:
    said = conditions(f"{NODES} nodes on one machine, a client at each router asks every 10 ms")
    numbers: list[tuple[str, str, float, str]] = []
    for what, text in KINDS.items():
        commits = [each for each in seen.commits if each.what == what]
        took = [
            (at - each.at) * 1e3
            for each in commits
            if (at := seen.everywhere(each.revision)) is not None
        ]
        if len(took) < len(commits):
            raise RuntimeError(f"{text}: {len(commits) - len(took)} never reached every router")
        numbers += _quantiles(f"{text}, from the commit on ({len(took)})", took)
        if what == "weight":
            ends = zip(commits, called, took, strict=True)
            whole = [(each.at - began) * 1e3 + ms for each, began, ms in ends]
            numbers += _quantiles(f"{text}, from the call on ({len(took)})", whole)
    asked = len(seen.answers)
    failed = sum(answer.status != 200 for answer in seen.answers)
    numbers.append(("asked of an instance that had left", "count", len(seen.late()), f"of {asked}"))
    numbers.append(("failed", "count", failed, f"of {asked}"))
    return own_results("table", numbers, said, digits=2)


def _quantiles(case: str, took: Sequence[float]) -> list[tuple[str, str, float, str]]:
    ranked = sorted(took)
    p99 = ranked[max(0, -(-len(ranked) * 99 // 100) - 1)]
    return [
        (case, "p50", statistics.median(ranked), "ms"),
        (case, "p99", p99, "ms"),
        (case, "worst", ranked[-1], "ms"),
    ]
