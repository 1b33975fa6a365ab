"""The scaling rules and forecaster in an outside simulator of autoscaled pools, beside Kubernetes' HPA.

The simulator and its traces are no part of Aether: `SCALING_LAB` names the folder with `score.py`, by default
`../shared/scaling_lab` beside the checkout; without it nothing is measured, and that is said. `BENCH_ONLY` chooses
cases by their beginning (`make/30`, `reactive`), `BENCH_JOBS` how many processes run them (2).
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aether.core.scaling.bounds import Bounds
from aether.core.scaling.controller import first_state, step
from aether.core.scaling.observation import Observation
from aether.core.scaling.settings import DEFAULTS
from tests.bench.report import Result, conditions, own_results, write

ROOT = Path(__file__).resolve().parents[2]
LAB = Path(os.environ.get("SCALING_LAB", str(ROOT.parent / "shared" / "scaling_lab")))
JOBS = os.environ.get("BENCH_JOBS", "2")
ONLY = os.environ.get("BENCH_ONLY", "")
DELAYS = {
    "make": (5, 30, 60),
    "make_reactive": (30,),
    "make_garbage": (30,),
    "make_stuck": (30,),
    "make_low": (30,),
}
"""Controller → start-up delays it is scored at, seconds."""
STEPS = 20_000
ROW = "controller"
PEER = "hpa70"
DEADLINE_S = 7200.0


def run() -> None:
    """Score every case and print the results; say so where there is no simulator."""
    results = step_cost() if "step".startswith(ONLY.partition("/")[0]) else []
    if not (LAB / "score.py").is_file():
        sys.stderr.write(
            f"scaling: not scored: no simulator in {LAB}; SCALING_LAB names its folder\n"
        )
        write(results)
        return
    for factory, delays in DELAYS.items():
        for delay in delays:
            if case(factory, delay).startswith(ONLY):
                results += scored(factory, delay)
    write(results)


def case(factory: str, delay: int) -> str:
    """Return the name of a case: `make/30`, `reactive/30`."""
    return f"{factory.removeprefix('make_')}/{delay}"


def scored(factory: str, delay: int) -> list[Result]:
    """Run the simulator's score with one controller at one start-up delay."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "score.json"
        command = [sys.executable, "score.py", "--controller", f"aether_forge.scaling:{factory}"]
        command += ["--delays", str(delay), "--jobs", JOBS, "--json", str(out)]
        subprocess.run(command, cwd=LAB, check=True, timeout=DEADLINE_S, stdout=sys.stderr)
        told = json.loads(out.read_text())
    failed = [row for row in told["runs"] if "error" in row]
    if failed:
        raise RuntimeError(f"{factory} failed on {failed[0]['trace']}: {failed[0]['error']}")
    rows = {row["policy"]: row for row in told["summary"]}
    return list(beside(case(factory, delay), rows[ROW], rows[PEER], told["runs"]))


def beside(
    name: str, mine: dict[str, Any], peer: dict[str, Any], runs: list[Any]
) -> Iterator[Result]:
    """Yield a case's figures: bad minutes and hours beside the peer's, reversals, what a decision took."""
    said = conditions(f"{mine['traces']} traces")
    yield Result(
        bench="scaling",
        case=name,
        metric="bad_minutes",
        value=mine["bad_minutes"],
        unit="minutes",
        peer="HPA 70 %",
        peer_value=peer["bad_minutes"],
        ratio=round(mine["bad_vs_hpa"]["total"], 3),
        conditions=said,
    )
    yield Result(
        bench="scaling",
        case=name,
        metric="hours",
        value=round(mine["hours_vs_hpa"]["mean"], 4),
        unit="x HPA",
        peer="HPA 70 %",
        peer_value=1.0,
        ratio=round(mine["hours_vs_hpa"]["mean"], 4),
        conditions=said,
    )
    seconds = sum(row["seconds"] for row in runs if row["policy"] == ROW)
    numbers = [
        (name, "reversals", mine["reversals_h"]["mean"], "1/h"),
        (name, "viol", mine["viol_pct"]["mean"], "%"),
        (name, "wall", seconds, "s"),
    ]
    yield from own_results("scaling", numbers, said)


def step_cost() -> list[Result]:
    """Return the CPU one decision of one slice takes."""
    seen = [
        Observation(
            at=float(second),
            ready=10,
            starting=0,
            target=10,
            rate=700.0 + second % 97,
            utilisation=0.7,
            capacity_rps=100.0,
            startup_s=30.0,
        )
        for second in range(STEPS)
    ]
    bounds = Bounds(2, 50, 50)
    state = first_state(seen[0])
    began = time.process_time()
    for look in seen:
        state, _ = step(state, look, bounds, DEFAULTS, None)
    cost = (time.process_time() - began) / STEPS * 1e6
    return own_results("scaling", [("step", "cpu", cost, "us")], conditions())
