"""A life: deployed, shaken, healed, at rest, deleted; the same every time."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from aether.agent.manager import NodeDeploymentManager
from aether_forge.sim import loop as loops
from aether_forge.sim.control.run import planned, run
from tests.unit.sim_control.small import settings


def test_a_life_is_lived_to_its_end_and_is_a_function_of_its_settings() -> None:
    short = replace(settings(seed=2), seconds=10.0, kinds=["restart", "scale"])
    verdict = run(short)
    assert verdict.violations == ()
    assert verdict.met_s >= 0
    assert {fault.kind for fault in verdict.faults} <= {"restart", "scale"}
    told = [line.what for line in verdict.lines]
    assert "everything is healed" in told
    assert any("deletes" in one or "delete org.example:app" in one for one in told)
    assert run(short).digest == verdict.digest


def test_faults_can_be_left_out() -> None:
    short = replace(settings(seed=2), seconds=10.0, kinds=["restart"])
    some = planned(short)[:1]
    verdict = run(replace(short, faults=[fault.number for fault in some]))
    assert list(verdict.faults) == some
    assert run(replace(short, faults=[])).digest != verdict.digest


def test_a_life_in_which_time_stands_still_is_a_violation_and_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def spins(self: Any, tasks: Any) -> None:
        while self._node == "node-2":  # noqa: ASYNC110 - to spin is what is tried
            await asyncio.sleep(0)

    monkeypatch.setattr(NodeDeploymentManager, "_turn", spins)
    monkeypatch.setattr(loops, "MOST_TURNS", 20_000)
    verdict = run(replace(settings(seed=2), seconds=10.0, kinds=["restart"]))
    assert len(verdict.violations) == 1
    assert "time stands still" in verdict.violations[0]
    assert "work is always ready" in verdict.lines[-1].what
    assert verdict.met_s == -1.0
