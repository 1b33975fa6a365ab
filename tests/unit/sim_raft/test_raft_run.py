"""A run from its beginning to its judgement."""

from aether_forge.sim.raft.run import run
from aether_forge.sim.raft.settings import draw


def test_a_run_without_faults_is_at_rest_at_once() -> None:
    settings = draw(11, 3)
    settings.faults = ()
    verdict = run(settings)
    assert verdict.violations == ()
    assert 0 <= verdict.rested_s <= 0.5
    assert verdict.digest == run(settings).digest


def test_a_run_stops_at_its_first_violation() -> None:
    settings = draw(2, 3)
    settings.ignores_sync = True
    settings.kinds = ("power cut all",)
    verdict = run(settings)
    assert verdict.violations
    assert verdict.rested_s == -1.0
    assert any("VIOLATION" in str(line) for line in verdict.lines)
