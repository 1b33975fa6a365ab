"""Our router beside nginx, haproxy, Envoy, Caddy and a proxy of aiohttp, in interleaved rounds.

`BENCH_ONLY` chooses cases (`small/64,64k-tcp/16`), or shapes (`small`, `upload-tcp`); `stacks` is whole
stacks with an application, beside nginx before uvicorn and Ray Serve (peers `uvicorn,ray`). `BENCH_PEERS` chooses
the proxies beside ours (`nginx,haproxy`; empty: none); `BENCH_SECONDS` and `BENCH_ROUNDS` how long a turn
is and how many each has (1 s, 5). `BENCH_BASE` names another checkout of Aether, whose router runs along as the
peer `base`: what a change costs. `BENCH_CLASS=rr` puts all parties before other work: a clean median
on a busy machine, at the cost of whoever else works there. Figures are medians of the rounds,
ratios are medians of the ratios within a round.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.bench.report import Result, conditions, write
from tests.bench.router import loads
from tests.bench.router.loads import Case
from tests.bench.router.origins import running_origin
from tests.bench.router.proxies import PROXIES
from tests.bench.router.ratios import results
from tests.bench.router.rounds import BASE, measured, running_proxies
from tests.bench.router.stack_peers import stack_peers
from tests.bench.router.stacks import stack_samples

SHAPES = ("small", "64k", "upload")
CONNECTIONS = (1, 16, 64, 256)
ORIGINS = ("unix", "tcp")
STACKS = "stacks"


def run() -> None:
    """Measure what was asked for and print the results."""
    seconds = float(os.environ.get("BENCH_SECONDS", "1"))
    rounds = int(os.environ.get("BENCH_ROUNDS", "5"))
    only = os.environ.get("BENCH_ONLY", "")
    names = [] if only == STACKS else chosen_peers(os.environ.get("BENCH_PEERS", ",".join(PROXIES)))
    folder = Path(tempfile.mkdtemp(prefix="ae", dir="/tmp"))
    try:
        if only == STACKS:
            write(_stacks(folder, seconds, rounds))
        else:
            cases = chosen_cases(only)
            write(list(_measure(folder, cases, names, seconds=seconds, rounds=rounds)))
    finally:
        shutil.rmtree(folder)


def _stacks(folder: Path, seconds: float, rounds: int) -> list[Result]:
    """Measure whole stacks; the peers are `uvicorn` and `ray`."""
    peers = stack_peers(os.environ.get("BENCH_PEERS", "uvicorn,ray").split(","))
    samples = list(stack_samples(peers, folder, seconds, rounds))
    said = conditions(
        "whole stacks, one replica, both cores for all",
        f"client {loads.client_name()}",
        f"{rounds} rounds of {seconds:g} s",
    )
    return list(results(samples, "router", said))


def _measure(
    folder: Path, cases: Sequence[Case], names: Sequence[str], *, seconds: float, rounds: int
) -> Iterator[Result]:
    with running_origin(folder / "origin") as (origin_name, origins):
        for kind, origin in origins.items():
            wanted = [case for case in cases if case.origin == kind]
            if not wanted:
                continue
            with running_proxies(names, origin, folder) as stacks:
                samples = list(measured(stacks, wanted, seconds, rounds))
            said = conditions(
                f"origin {origin_name} over {kind}",
                f"client {loads.client_name()}",
                "one worker each on a core, load and origin on another",
                f"class {os.environ.get('BENCH_CLASS', 'ordinary')}",
                f"{rounds} rounds of {seconds:g} s",
            )
            yield from results(samples, "router", said)


def chosen_cases(text: str) -> list[Case]:
    """Return the cases named, all for an empty text; raise ValueError for a name there is not."""
    every = [
        Case(shape=shape, origin=origin, connections=connections)
        for origin in ORIGINS
        for shape in SHAPES
        for connections in CONNECTIONS
    ]
    found: list[Case] = []
    for name in filter(None, text.split(",")):
        fits = [case for case in every if name in (case.name, case.name.partition("/")[0])]
        if not fits:
            raise ValueError(
                f"no case {name!r}; there are {', '.join(case.name for case in every)}"
            )
        found += fits
    return found or every


def chosen_peers(text: str) -> list[str]:
    """Return the proxies named; those that cannot be had are left out, by name."""
    names = list(filter(None, text.split(",")))
    unknown = [name for name in names if name not in PROXIES]
    if unknown:
        raise ValueError(f"no proxy {', '.join(unknown)}; there are {', '.join(PROXIES)}")
    missing = [name for name in names if not PROXIES[name].find()]
    for name in missing:
        sys.stderr.write(f"without {name}: {PROXIES[name].package} is not installed\n")
    found = [name for name in names if name not in missing]
    return [*found, BASE] if os.environ.get("BENCH_BASE") else found
