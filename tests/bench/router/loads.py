"""Closed-loop load through one address: `wrk` with one thread, else the client of this repository."""

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.bench import load, programs
from tests.bench.router.origins import LARGE, SMALL
from tests.bench.router.places import OTHER_CORE, run_on

SLACK_S = 30.0
"""Longest a client may take beyond its load."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One way to load: `small/64` is 64 connections, 100 bytes of answer, ten request headers."""

    shape: str
    """`small`, `64k` (of answer) or `upload` (64 KiB of request)."""
    origin: str
    """`unix` or `tcp`: how the proxy reaches its origin."""
    connections: int
    target: str = ""
    """Path to ask for, if not the origin's."""

    @property
    def name(self) -> str:
        """What results call it; origins are on Unix sockets unless said."""
        return f"{self.shape}{'' if self.origin == 'unix' else '-tcp'}/{self.connections}"

    @property
    def path(self) -> str:
        """What is asked for."""
        return self.target or f"/size/{LARGE if self.shape == '64k' else SMALL}"

    @property
    def body(self) -> int:
        """Bytes of the request's body."""
        return LARGE if self.shape == "upload" else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What a client saw; latencies in milliseconds."""

    requests: int
    seconds: float
    p50: float
    p99: float


def client_name() -> str:
    """Return which client loads."""
    return "wrk" if programs.debian("wrk") else "tests.bench.load"


def apply(
    address: str, case: Case, seconds: float, folder: Path, *, may_fail: bool = False
) -> Load:
    """Load one address; raise RuntimeError when any request failed, or none came through."""
    program = programs.debian("wrk")
    if program:
        outcome = _with_wrk(program, address, case, seconds, folder)
    else:
        outcome = _with_ours(address, case, seconds)
    if (outcome["failed"] and not may_fail) or not outcome["requests"]:
        raise RuntimeError(f"{case.name} through {address}: {outcome}")
    return Load(
        requests=int(outcome["requests"]),
        seconds=outcome["seconds"],
        p50=outcome["p50"],
        p99=outcome["p99"],
    )


def _with_ours(address: str, case: Case, seconds: float) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.bench.load", address, case.path]
    command += [str(case.connections), str(seconds), str(case.body)]
    outcome: dict[str, float] = json.loads(run_on(OTHER_CORE, command, seconds + SLACK_S))
    return outcome


def _with_wrk(
    program: str, address: str, case: Case, seconds: float, folder: Path
) -> dict[str, float]:
    command = [program, "-t1", f"-c{case.connections}", f"-d{max(1, round(seconds))}s", "--latency"]
    for line in load.HEADERS:
        command += ["-H", line]
    if case.body:
        script = folder / "upload.lua"
        script.write_text(f'wrk.method = "POST"\nwrk.body = string.rep("x", {case.body})\n')
        command += ["-s", str(script)]
    text = run_on(OTHER_CORE, [*command, f"http://{address}{case.path}"], seconds + SLACK_S)
    return read_wrk(text)


def read_wrk(text: str) -> dict[str, float]:
    """Return requests, seconds, failed, p50 and p99 (ms) of what wrk wrote; raise RuntimeError."""
    total = re.search(r"(\d+) requests in ([\d.]+)(m?s)", text)
    if total is None:
        raise RuntimeError(f"wrk said something unexpected: {text}")
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    broken = re.search(
        r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text
    )
    return {
        "requests": float(total[1]),
        "seconds": float(total[2]) * (1 if total[3] == "s" else 0.001),
        "failed": float(failed[1] if failed else 0)
        + sum(int(each) for each in (broken.groups() if broken else ())),
        "p50": _percentile(text, "50%"),
        "p99": _percentile(text, "99%"),
    }


def _percentile(text: str, name: str) -> float:
    """Return one line of wrk's latency table, in milliseconds."""
    found = re.search(rf"{name}\s+([\d.]+)(us|ms|s)", text)
    if found is None:
        raise RuntimeError(f"wrk gave no {name}: {text}")
    return float(found[1]) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[found[2]]
