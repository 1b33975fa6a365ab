"""Whole stacks in interleaved rounds: the same trivial application, one replica, 64 connections.

The client has core 1 in part, everything else is where the system puts it. `first` is the time from asking for the
application until its first answer, `pss` the memory of all processes of the stack, with shared pages divided.
"""

import contextlib
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from tests.bench.router import loads, trivial
from tests.bench.router.loads import Case
from tests.bench.router.ratios import PRODUCT, Sample
from tests.bench.router.stack_peers import StackPeer

CONNECTIONS = 64
DEPLOYMENTS = 3
FIRST_S = 60.0
POLL_S = 0.002
WARM_S = 1.0


def stack_samples(
    peers: Sequence[StackPeer], folder: Path, seconds: float, rounds: int
) -> Iterator[Sample]:
    """Start every stack, load each in turn, and yield what each round gave.

    What is ours is measured twice: hosting a slice (`stacks/64`), and the ASGI application that
    uvicorn runs too (`stacks-asgi/64`).
    """
    with contextlib.ExitStack() as stack:
        first = {peer: seconds for peer in peers if (seconds := _start(peer, folder, stack))}
        up = list(first)
        for peer in up:
            _load(peer, WARM_S, folder)
        for turn in range(rounds):
            for peer in (*up[turn % len(up) :], *up[: turn % len(up)]):
                metrics = _measure(peer, seconds, folder) | {"first": first[peer]}
                yield from _as_samples(peer.name, turn, metrics)


def _start(peer: StackPeer, folder: Path, stack: contextlib.ExitStack) -> float:
    """Bring a stack up; return its median time to a first answer, 0 for a peer that does not start."""
    stack.callback(peer.end)
    try:
        peer.start(folder / peer.name)
        return statistics.median(_deployments(peer))
    except (TimeoutError, RuntimeError) as problem:
        if peer.name.startswith(PRODUCT):
            raise
        sys.stderr.write(f"without {peer.name}: {problem}\n")
        return 0.0


def _as_samples(name: str, turn: int, metrics: dict[str, float]) -> Iterator[Sample]:
    cases = {"aether-slice": ["stacks"], "aether-asgi": ["stacks-asgi"]}
    for case in cases.get(name, ["stacks", "stacks-asgi"]):
        peer = PRODUCT if name in cases else name
        yield Sample(peer=peer, case=f"{case}/{CONNECTIONS}", turn=turn, metrics=metrics)


def _deployments(peer: StackPeer) -> Iterator[float]:
    """Deploy again and again; yield the seconds until the first answer, and leave it deployed."""
    for turn in range(DEPLOYMENTS):
        if turn:
            peer.remove()
        began = time.monotonic()
        peer.deploy()
        yield _first_answer(peer.address) - began


def _first_answer(address: str) -> float:
    """Return when a new connection first got an answer with status 200."""
    deadline = time.monotonic() + FIRST_S
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, HTTPException):
            connection = HTTPConnection(address, timeout=5)
            connection.request("GET", trivial.PATH)
            if connection.getresponse().status == 200:
                return time.monotonic()
        time.sleep(POLL_S)
    raise TimeoutError(f"http://{address}{trivial.PATH} gave no 200 in {FIRST_S:g} s")


def _measure(peer: StackPeer, seconds: float, folder: Path) -> dict[str, float]:
    trees = peer.trees()
    before = sum(tree.cpu_s() for tree in trees)
    seen = _load(peer, seconds, folder)
    used = sum(tree.cpu_s() for tree in trees) - before
    return {
        "ops": seen.requests / seen.seconds,
        "cpu": 10_000 * used / seen.requests,
        "p50": seen.p50,
        "p99": seen.p99,
        "pss": sum(tree.pss_mib() for tree in trees),
    }


def _load(peer: StackPeer, seconds: float, folder: Path) -> loads.Load:
    case = Case(shape="small", origin="unix", connections=CONNECTIONS, target=trivial.PATH)
    ours = peer.name.startswith(PRODUCT)
    return loads.apply(peer.address, case, seconds, folder, may_fail=not ours)
