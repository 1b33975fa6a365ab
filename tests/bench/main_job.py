"""The main job on three real nodes: time to the first answer, idle cost, and time to heal."""

import json
import os
import statistics
import threading
import time
from collections.abc import Iterator

import psutil

from e2e.forge import EXAMPLES, SHORTENER, Forge, call, running_forge, wait_until
from e2e.load import Load
from tests.bench.report import conditions, own_results, write

PORT_OFFSET = 4000
IDLE_S = 15.0
KILLS = int(os.environ.get("BENCH_KILLS", "10"))
MIB = 1024 * 1024


def run() -> None:
    """Measure a cluster of its own and print the results."""
    began = time.monotonic()
    with running_forge(PORT_OFFSET, *EXAMPLES) as forge:
        link = json.dumps({"url": "https://example.org"}).encode()
        headers = {"content-type": "application/json"}
        wait_until(
            "the first answer",
            lambda: call(forge.router(3), "POST", "/api/v1/urls", link, headers).status == 201,
            60,
        )
        numbers = [("start", "first_answer", time.monotonic() - began, "s")]
        numbers += idle_cost(forge)
        numbers += failovers(forge)
    said = conditions("3 nodes on one machine", f"{KILLS} kills under 60 requests/s")
    write(own_results("main_job", numbers, said))


Numbers = Iterator[tuple[str, str, float, str]]


def kind_of(process: psutil.Process) -> str | None:
    """Return which of a node's processes this is."""
    line = " ".join(process.cmdline())
    kinds = {
        "aether: host": "host",
        "aether: launcher": "launcher",
        "aether.dataplane": "router",
        "aether.node": "node",
    }
    return next((kind for mark, kind in kinds.items() if mark in line), None)


def idle_cost(forge: Forge) -> Numbers:
    """Measure memory and processor time of each kind of process without traffic."""
    found: dict[str, list[psutil.Process]] = {}
    for process in forge.processes():
        kind = kind_of(process)
        if kind is not None:
            found.setdefault(kind, []).append(process)
    before = {kind: [cpu_of(process) for process in found[kind]] for kind in found}
    threading.Event().wait(IDLE_S)
    for kind, processes in sorted(found.items()):
        spent = [cpu_of(p) - was for p, was in zip(processes, before[kind], strict=True)]
        memory = [process.memory_full_info() for process in processes]
        yield f"idle/{kind}", "rss", statistics.median(m.rss for m in memory) / MIB, "MiB"
        yield f"idle/{kind}", "uss", statistics.median(m.uss for m in memory) / MIB, "MiB"
        yield f"idle/{kind}", "cpu", 100 * statistics.median(spent) / IDLE_S, "% of a core"


def cpu_of(process: psutil.Process) -> float:
    """Return processor seconds used so far."""
    times = process.cpu_times()
    return float(times.user + times.system)


def failovers(forge: Forge) -> Numbers:
    """Kill the leader's machine again and again under load."""
    gaps: list[float] = []
    whole: list[float] = []
    untouched = 0
    for _ in range(KILLS):
        victim = forge.leader()
        alive = [node for node in (1, 2, 3) if node != victim]
        with Load([forge.router(node) for node in alive], rate=60) as load:
            load.wait_for_requests(60, 30)
            forge.command("kill", f"node-{victim}")
            load.outcome.longest_write_gap_s = 0.0
            whole.append(wait_healed(forge, victim, alive[0]))
            load.wait_for_requests(60, 30)
        gaps.append(load.outcome.longest_write_gap_s)
        name = f"node-{victim}"
        untouched += sum(name not in failure for failure in load.outcome.failures)
        forge.command("start", name)
        wait_until("it hosts again", lambda name=name: name in forge.placed(alive[0]), 60)  # type: ignore[misc] # noqa: B023 - called before the next round
        forge.wait_deployed(alive[0], 30)
    for metric, values in (("write_gap", gaps), ("whole", whole)):
        yield "leader kill", f"{metric}_p50", statistics.median(values), "s"
        yield "leader kill", f"{metric}_max", max(values), "s"
    yield "leader kill", "failed_untouched", untouched, "requests"


def wait_healed(forge: Forge, victim: int, witness: int) -> float:
    """Return how long it took until all instances served without the victim."""
    return wait_until(
        "whole again",
        lambda: (
            forge.is_deployed(witness, SHORTENER) and f"node-{victim}" not in forge.placed(witness)
        ),
        30,
    )
