from pathlib import Path

import pytest

from aether.core.alerts.thresholds import (
    ANY,
    RULES,
    Bounds,
    bounds_of,
    is_known,
    known_metrics,
    runbook_of,
    says_of,
    unit_of,
    watched,
)
from aether.core.metrics.catalogue import CATALOGUE
from aether.core.model.alert_records import Severity, ThresholdRecord

ROOT = Path(__file__).resolve().parents[3]
CPU = "node.cpu"


def test_nearest_wins_field_by_field() -> None:
    said = {
        (CPU, ANY): ThresholdRecord(warning=0.5, critical=0.6, for_s=1.0),
        (CPU, "n-1"): ThresholdRecord(hysteresis=0.2, for_s=2.0),
    }
    there, elsewhere = bounds_of((CPU, "n-1"), said), bounds_of((CPU, "n-2"), said)
    assert there is not None
    assert (there.warning, there.hysteresis, there.for_s) == (0.5, 0.2, 2.0)
    assert elsewhere is not None
    assert (elsewhere.hysteresis, elsewhere.for_s) == (RULES[CPU].bounds.hysteresis, 1.0)


def test_bounds_that_are_named_replace_both() -> None:
    found = bounds_of((CPU, "n-1"), {(CPU, ANY): ThresholdRecord(critical=0.99)})
    assert found is not None
    assert (found.warning, found.critical) == (None, 0.99)


def test_an_alert_can_be_switched_off_for_all_but_one() -> None:
    said = {(CPU, ANY): ThresholdRecord(enabled=False), (CPU, "n-1"): ThresholdRecord(warning=0.5)}
    assert bounds_of((CPU, "n-2"), said) is None
    assert bounds_of((CPU, "n-1"), said) is not None


def test_a_metric_without_bounds_is_compared_with_nothing() -> None:
    assert bounds_of(("slice.p99", "a:b"), {}) is None
    assert bounds_of(("slice.p99", "a:b"), {("slice.p99", ANY): ThresholdRecord(for_s=1)}) is None
    below = bounds_of(
        ("slice.instances", "a:b"),
        {("slice.instances", ANY): ThresholdRecord(warning=3, critical=1)},
    )
    assert below is not None
    assert below.direction == "below"


@pytest.mark.parametrize(
    ("value", "crossed", "held"),
    [(0.79, "info", "info"), (0.8, "info", "info"), (0.85, "info", "warning"),
     (0.9, "warning", "warning"), (0.95, "warning", "critical"), (1.0, "critical", "critical")],
)  # fmt: skip
def test_on_its_way_up_a_value_needs_more_than_to_stay(
    value: float, crossed: str, held: str
) -> None:
    bounds = Bounds(warning=0.9, critical=1.0, hysteresis=0.08)
    assert (bounds.crossed(value), bounds.held(value)) == (crossed, held)


def test_below_is_the_mirror_of_above() -> None:
    bounds = Bounds(direction="below", warning=20, critical=3, hysteresis=0.1)
    assert bounds.crossed(20) is Severity.WARNING
    assert bounds.crossed(21) is Severity.INFO
    assert bounds.held(21) is Severity.WARNING
    assert bounds.crossed(3) is Severity.CRITICAL


def test_what_can_be_compared_is_said_with_its_unit() -> None:
    assert set(RULES) <= set(known_metrics())
    assert all(is_known(name) for name in known_metrics())
    assert not is_known("node.nonsense")
    counters = {name for name, metric in CATALOGUE.items() if metric.kind == "counter"}
    assert not counters & set(known_metrics())
    assert unit_of(CPU) == "share"
    assert says_of("slice.p99")
    assert set(watched({("slice.p99", ANY): ThresholdRecord()})) == {*RULES, "slice.p99"}


def test_every_built_in_alert_has_its_runbook() -> None:
    for metric in (*RULES, "slice.p99"):
        page = (ROOT / runbook_of(metric)).read_text()
        assert "**Symptom.**" in page
        assert "**Verify.**" in page
        if metric in RULES:
            assert f"`{metric}`" in page


def test_every_built_in_alert_fires_and_resolves_in_a_test_by_its_cause() -> None:
    causes = [ROOT / "e2e" / "test_alerts.py", ROOT / "tests/integration/test_alert_causes.py"]
    text = "".join(path.read_text() for path in causes)
    assert [metric for metric in RULES if f'("{metric}", ' not in text] == []


def test_what_a_rule_says_of_a_metric_is_what_the_catalogue_says() -> None:
    for metric in set(RULES) & set(CATALOGUE):
        assert unit_of(metric) == CATALOGUE[metric].unit


def test_single_moments_are_raised_at_once_and_stay_to_be_seen() -> None:
    lag = RULES["node.loop_lag"].bounds  # the worst of one second: a stall is one value
    assert (lag.for_s, lag.clear_s) == (0, 60)
    assert RULES["slice.failing"].bounds.clear_s == 60  # a crash loop leaves FAILED between tries
    for metric in ("node.silent", "node.provision"):
        assert RULES[metric].bounds.clear_s == 10
