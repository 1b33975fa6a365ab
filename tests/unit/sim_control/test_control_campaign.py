"""Campaigns: the corpus first, then the seeds; what failed is told with the command to repeat it."""

from collections import Counter

import pytest

from aether_forge.sim.control import campaign as campaigns
from aether_forge.sim.control.campaign import Outcome, Report, campaign, live
from aether_forge.sim.control.corpus import lessons
from aether_forge.sim.seeds import ENOUGH


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


def test_a_campaign_runs_the_corpus_and_the_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    lived: list[tuple[int, int | None]] = []

    def note(seed: int, nodes: int | None) -> Outcome:
        lived.append((seed, nodes))
        return outcome(seed)

    monkeypatch.setattr(campaigns, "live", note)
    report = campaign([(2, 3), (7, None)], jobs=1)
    assert report.passed
    assert lived == [*((one.seed, one.nodes) for one in lessons()), (2, 3), (7, None)]


def test_a_life_is_told_small_enough_to_travel() -> None:
    told = live(2, 3)
    assert told.violations == ()
    assert (told.seed, told.nodes) == (2, 3)
    assert told.counts["request served"] > 100
    assert told.virtual_s > told.met_s > 0


def test_a_life_that_breaks_off_is_a_violation_with_its_trace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(_: object) -> None:
        raise LookupError("no such node")

    monkeypatch.setattr(campaigns, "run", broken)
    told = live(5, 4)
    assert (told.seed, told.nodes) == (5, 4)
    assert "no such node" in told.violations[0]
    assert "Traceback" in told.violations[0]
