"""What tracing costs a router: our router three times, in interleaved rounds.

`aether` traces as it is shipped: one request in a hundred is recorded, and its spans go to a node. `unsampled`
samples none, and keeps what fails or is slow as ever. `base`, where `BENCH_BASE` names a checkout (of a version
without tracing, say), is the router of that one. A process on the core of load and origin plays the node of all
three: it takes their counts and spans.

`BENCH_ONLY` chooses cases of `make bench-router` (`small/64`), `BENCH_SECONDS` and `BENCH_ROUNDS` how long a turn is
and how many each has (1 s, 30); `BENCH_TABLE` and `BENCH_CLASS` are those of `make bench-router`. What counts is
the ratio of `cpu`: CPU-seconds for 10,000 requests, user and system. It is a median of ratios within a
round, and the conditions say between which bounds the middle half of them lies.
"""

import contextlib
import json
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from aether.core.tracing.sampling import DEFAULT_SAMPLE
from aether.dataplane.listeners import Places
from tests.bench.report import Result, conditions, write
from tests.bench.router import chosen_cases, loads, node
from tests.bench.router.loads import Case
from tests.bench.router.origins import running_origin
from tests.bench.router.places import OTHER_CORE, Running
from tests.bench.router.ratios import PRODUCT, Sample, results
from tests.bench.router.rounds import BASE, Stack, measured, running_proxies

UNSAMPLED = "unsampled"


def run() -> None:
    """Measure and print."""
    seconds = float(os.environ.get("BENCH_SECONDS", "1"))
    rounds = int(os.environ.get("BENCH_ROUNDS", "30"))
    cases = chosen_cases(os.environ.get("BENCH_ONLY", "small/64"))
    folder = Path(tempfile.mkdtemp(prefix="ae", dir="/tmp"))
    try:
        write(list(_measure(folder, cases, seconds=seconds, rounds=rounds)))
    finally:
        shutil.rmtree(folder)


def _measure(
    folder: Path, cases: Sequence[Case], *, seconds: float, rounds: int
) -> Iterator[Result]:
    names = [UNSAMPLED, *([BASE] if os.environ.get("BENCH_BASE") else [])]
    with running_origin(folder / "origin") as (origin_name, origins):
        for kind, origin in origins.items():
            wanted = [case for case in cases if case.origin == kind]
            if not wanted:
                continue
            with running_proxies(names, origin, folder) as stacks, _node(stacks, folder) as spans:
                samples = list(measured(stacks, wanted, seconds, rounds))
            said = conditions(
                f"origin {origin_name} over {kind}",
                f"client {loads.client_name()}",
                "one worker each on a core, load, origin and node on another",
                f"class {os.environ.get('BENCH_CLASS', 'ordinary')}",
                f"{rounds} rounds of {seconds:g} s",
                f"spans shipped: {', '.join(f'{name} {count}' for name, count in spans.items())}",
                *(spread(samples, name) for name in names),
            )
            yield from results(samples, "tracing", said)


@contextlib.contextmanager
def _node(stacks: Sequence[Stack], folder: Path) -> Iterator[dict[str, int]]:
    """Play the node of the routers; how many spans each has shipped is there at the end.

    Raises RuntimeError when none were of the one that records a share.
    """
    words = list[str]()
    for stack in stacks:
        sample = DEFAULT_SAMPLE if stack.name == PRODUCT else 0.0
        words += [str(Places(data_dir=stack.folder).table_link), str(sample)]
    place = Path(tempfile.mkdtemp(prefix="node", dir=folder))
    process = Running([sys.executable, "-m", node.__name__, *words], place, OTHER_CORE)
    spans = dict[str, int]()
    try:
        process.wait_said(node.READY)
        yield spans
    finally:
        process.end()
    said = process.log.read_text(errors="replace")
    counts = json.loads(said.rpartition(node.READY)[2])
    spans |= {stack.name: count for stack, count in zip(stacks, counts, strict=True)}
    if not spans[PRODUCT]:
        raise RuntimeError(f"no spans came from {PRODUCT}; its node said: {said[-2000:]}")


def spread(samples: Sequence[Sample], peer: str) -> str:
    """Say where the middle half of the ratios of processor time to a peer lies, within rounds."""
    cpu = {(each.peer, each.case, each.turn): each.metrics["cpu"] for each in samples}
    ratios = [
        used / cpu[peer, case, turn] for (name, case, turn), used in cpu.items() if name == PRODUCT
    ]
    if len(ratios) < 2:
        return f"cpu {ratios[0]:.3f} x {peer}"
    low, _, high = statistics.quantiles(ratios, n=4, method="inclusive")
    return f"cpu {low:.3f} to {high:.3f} x {peer}"
