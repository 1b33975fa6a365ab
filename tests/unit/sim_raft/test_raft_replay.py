"""A replay tells a person what it took to go wrong."""

from aether_forge.sim.raft.replay import replay
from aether_forge.sim.raft.settings import draw, planned


def test_a_violation_is_told_with_no_more_faults_than_it_takes() -> None:
    settings = draw(2, 3)
    settings.ignores_sync = True
    settings.kinds = ("power cut all", "pause")
    verdict, lines = replay(settings)
    assert verdict.violations
    assert len(verdict.faults) < len(planned(settings))
    assert f"{len(verdict.faults)} of its {len(planned(settings))} faults:" in lines
    assert lines[-1].startswith("violation at ")


def test_a_seed_that_holds_is_told_as_such() -> None:
    verdict, lines = replay(draw(11, 3))
    assert verdict.violations == ()
    assert "no violation; at rest" in lines[-1]
    assert verdict.digest in lines[0]
