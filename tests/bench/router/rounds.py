"""Interleaved rounds: all proxies are up, each is loaded in turn, again and again.

The machine changes from minute to minute; within a round it does so little that a ratio taken there
holds. Each round begins with another proxy, so that none always follows the same neighbour.
"""

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.router import loads, ours
from tests.bench.router.cpu import Tree
from tests.bench.router.loads import Case
from tests.bench.router.origins import SMALL
from tests.bench.router.places import PROXY_CORE, Origin, Running, Site, free_ports
from tests.bench.router.proxies import PROXIES
from tests.bench.router.ratios import PRODUCT, Sample

WARM_S = 1.0
BASE = "base"
"""Our router of another checkout, `BENCH_BASE`: what a change costs."""


@dataclass(frozen=True, slots=True)
class Stack:
    """One proxy under load."""

    name: str
    address: str
    tree: Tree
    folder: Path


@contextlib.contextmanager
def running_proxies(names: Sequence[str], origin: Origin, folder: Path) -> Iterator[list[Stack]]:
    """Start our router and the proxies named that can be had; end them all."""
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(_running(name, origin, folder / f"{origin.kind}-{name}"))
            for name in (PRODUCT, *names)
        ]


@contextlib.contextmanager
def _running(name: str, origin: Origin, folder: Path) -> Iterator[Stack]:
    folder.mkdir()
    site = Site(folder=folder, port=free_ports(1)[0], origin=origin)
    process = _start(name, site)
    try:
        process.wait_answer(f"http://{site.address}/size/{SMALL}")
        yield Stack(name, site.address, Tree(process.pid), folder)
    finally:
        process.end()


def _start(name: str, site: Site) -> Running:
    """Start one router or proxy on the core that is under test."""
    if name in PROXIES:
        command = PROXIES[name].make(PROXIES[name].find(), site)
        return Running(command, site.folder, PROXY_CORE, {"GOMAXPROCS": "1"})
    base = os.environ.get("BENCH_BASE", "") if name == BASE else ""
    sources = {"PYTHONPATH": str(Path(base) / "node")} if base else {}
    return Running(ours.command(site), site.folder, PROXY_CORE, sources)


def measured(
    stacks: Sequence[Stack], cases: Sequence[Case], seconds: float, rounds: int
) -> Iterator[Sample]:
    """Load every proxy with every case; yield what each round gave."""
    for case in cases:
        for stack in stacks:
            loads.apply(stack.address, case, WARM_S, stack.folder)
        for turn in range(rounds):
            first = turn % len(stacks)
            for stack in (*stacks[first:], *stacks[:first]):
                yield _sample(stack, case, seconds, turn)


def _sample(stack: Stack, case: Case, seconds: float, turn: int) -> Sample:
    before = stack.tree.cpu_s()
    seen = loads.apply(stack.address, case, seconds, stack.folder)
    used = stack.tree.cpu_s() - before
    return Sample(
        peer=stack.name,
        case=case.name,
        turn=turn,
        metrics={
            "cpu": 10_000 * used / seen.requests,
            "ops": seen.requests / seen.seconds,
            "p50": seen.p50,
            "p99": seen.p99,
            "rss": stack.tree.rss_mib(),
        },
    )
