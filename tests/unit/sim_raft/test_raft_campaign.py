"""What a campaign tells of its seeds."""

from collections import Counter

from aether_forge.sim.raft.campaign import Outcome, Report, campaign
from aether_forge.sim.raft.corpus import lessons
from aether_forge.sim.raft.sometimes import EXPECTED
from aether_forge.sim.seeds import ENOUGH


def outcome(seed: int, *violations: str, counts: Counter[str] | None = None) -> Outcome:
    return Outcome(
        seed=seed,
        nodes=3,
        violations=violations,
        counts=counts or Counter(),
        digest="",
        rested_s=1.0,
        cpu_s=0.1,
    )


def test_a_failed_seed_is_told_with_the_command_that_replays_it() -> None:
    report = Report()
    report.add(outcome(1))
    report.add(outcome(7, "two led"))
    assert not report.passed
    told = "\n".join(report.summary())
    assert "seed 7 of 3 nodes: two led\n  aether-forge replay 7 --nodes 3" in told
    assert "2 seeds, 1 with violations" in told


def test_a_long_campaign_fails_when_a_rare_state_was_never_reached() -> None:
    report = Report()
    for seed in range(ENOUGH):
        report.add(outcome(seed, counts=Counter(dict.fromkeys(EXPECTED[1:], 1))))
    assert report.missing == [EXPECTED[0]]
    assert not report.passed
    report.add(outcome(0, counts=Counter({EXPECTED[0]: 1})))
    assert report.passed


def test_the_corpus_runs_before_the_seeds() -> None:
    said: list[str] = []
    report = campaign([(5, 3)], jobs=1, say=said.append)
    assert report.seeds == 1 + len(lessons())
    assert report.passed, "\n".join(report.summary())
