"""Whole clusters through faults and operators' acts: the corpus first, then seeds nobody chose."""

import os
import subprocess
import sys

import pytest

from aether_forge.sim.control.campaign import campaign
from aether_forge.sim.control.corpus import lessons
from aether_forge.sim.control.sometimes import EXPECTED

SEEDS = 100
RARE = 8
"""States that so few seeds may not reach; a campaign of hundreds must reach them all."""

TRACES = """
from aether_forge.sim.control.campaign import live
for seed in (1, 8):
    print(seed, live(seed, None).digest)
"""


@pytest.mark.timeout(420)
def test_no_seed_breaks_a_promise() -> None:
    report = campaign([(seed, None) for seed in range(SEEDS)], jobs=2)
    told = "\n".join(report.summary())
    assert len(report.outcomes) == SEEDS + len(lessons())
    assert not report.failed, told
    reached = [name for name in EXPECTED if report.counts[name]]
    assert len(reached) >= len(EXPECTED) - RARE, sorted(set(EXPECTED) - set(reached))
    assert report.counts["request served"] > 500 * SEEDS, told
    unknown = [name for name in report.counts if name.startswith("no rule to make")]
    assert unknown == []


@pytest.mark.parametrize("lesson", lessons(), ids=lambda one: f"{one.seed}-{one.nodes}")
def test_every_lesson_says_what_it_taught(lesson: object) -> None:
    assert getattr(lesson, "why", "")


def test_a_life_is_a_function_of_its_seed_under_any_hash_seed() -> None:
    traces = set()
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        done = subprocess.run(
            [sys.executable, "-c", TRACES],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=100,
        )
        traces.add(done.stdout)
    (trace,) = traces
    assert len(trace.splitlines()) == 2
