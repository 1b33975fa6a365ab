"""A story is told to its end, and a failing one with no more faults than it takes."""

from dataclasses import replace

import pytest

from aether_forge.sim.control import faults
from aether_forge.sim.control.replay import replay
from aether_forge.sim.control.run import planned
from tests.unit.sim_control.small import settings

SHORT = replace(settings(seed=2), seconds=10.0, kinds=["restart", "scale"])


def test_a_story_without_violation_says_so() -> None:
    verdict, lines = replay(SHORT, everything=True)
    assert verdict.violations == ()
    assert lines[0].startswith("seed 2, 3 nodes, trace ")
    assert lines[-1].startswith("no violation; all targets met")
    assert any("begins epoch 1" in line for line in lines)


def test_a_violation_is_told_with_the_faults_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    async def restart(blow: faults.Blow) -> None:
        blow.world.complain("a restart breaks everything")

    monkeypatch.setitem(faults._FAULTS, "restart", restart)
    assert sum(one.kind == "restart" for one in planned(SHORT)) > 0
    verdict, lines = replay(SHORT)
    assert [one.kind for one in verdict.faults] == ["restart"]
    assert lines[-1] == "violation: a restart breaks everything"
