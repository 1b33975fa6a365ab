"""Campaigns: the corpus first, then the seeds; what failed is told with the command to repeat it."""

from collections import Counter

from aether_forge.sim.control.campaign import ENOUGH, Outcome, Report, campaign, live
from aether_forge.sim.control.corpus import lessons


def outcome(seed: int, *violations: str) -> Outcome:
    return Outcome(
        seed=seed,
        nodes=3,
        violations=violations,
        counts=Counter({"power cut": 1}),
        digest="d",
        met_s=2.0,
        virtual_s=100.0,
        cpu_s=1.0,
    )


def test_a_report_names_the_seeds_that_failed_and_how_to_see_them() -> None:
    report = Report()
    for one in (outcome(9, "nine is broken"), outcome(4), outcome(2, "two is broken")):
        report.add(one)
    lines = list(report.summary())
    assert lines[0] == "seed 2 of 3 nodes: two is broken"
    assert lines[1].strip() == "aether-forge replay --world control 2 --nodes 3"
    assert "3 seeds, 2 with violations" in lines[4]
    assert not report.passed
    assert report.missing == []


def test_a_long_campaign_that_never_reached_a_rare_state_does_not_pass() -> None:
    report = Report()
    for seed in range(ENOUGH):
        report.add(outcome(seed))
    assert not report.failed
    assert "leader lost" in report.missing
    assert not report.passed


def test_a_campaign_runs_the_corpus_and_the_seeds() -> None:
    told: list[str] = []
    report = campaign([(2, 3)], jobs=1, say=told.append)
    assert len(report.outcomes) == 1 + len(lessons())
    assert report.passed, told
    assert live(2, 3).digest == report.outcomes[-1].digest
