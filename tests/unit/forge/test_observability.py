"""What is generated for Prometheus and Grafana speaks of series there are, and is fresh."""

from pathlib import Path

import pytest

from aether.core.alerts.thresholds import RULES, runbook_of
from aether.telemetry.exposition.table import SERIES
from aether_forge.observability.alerts import PromRule, alert_name, alert_rules
from aether_forge.observability.conditions import CONDITIONS
from aether_forge.observability.files import files, stale, write
from tests.exposition_world import series_in

ROOT = Path(__file__).resolve().parents[3]
RULES_FOR_PROMETHEUS = alert_rules()
NOT_EXPORTED = {
    "node.certificate": "days are told by the alert itself",
    "node.provision": "the leader's own count",
    "webhook.failing": "the leader's own count",
}
"""Built-in alerts without a rule of their own: `AetherAlert` passes them on."""

DECLARED = {series.name for series in SERIES}


@pytest.mark.parametrize("rule", RULES_FOR_PROMETHEUS, ids=lambda r: f"{r.alert}-{r.severity}")
def test_a_rule_asks_for_series_there_are(rule: PromRule) -> None:
    assert set(series_in(rule.query)) <= DECLARED
    for series, _, _ in rule.inputs:
        assert set(series_in(series.partition("{")[0])) <= set(series_in(rule.query))
    assert rule.summary
    assert rule.severity in ("warning", "critical")


def test_every_rule_has_its_runbook() -> None:
    wanted = {rule.runbook for rule in RULES_FOR_PROMETHEUS}
    assert [page for page in sorted(wanted) if not (ROOT / page).is_file()] == []


def test_every_built_in_alert_has_its_rules() -> None:
    assert set(CONDITIONS) | set(NOT_EXPORTED) == set(RULES)
    found = {(rule.alert, rule.severity) for rule in RULES_FOR_PROMETHEUS}
    for metric in CONDITIONS:
        bounds = RULES[metric].bounds
        wanted = {"warning": bounds.warning, "critical": bounds.critical}
        for severity, bound in wanted.items():
            assert ((alert_name(metric), severity) in found) == (bound is not None)


def test_names_of_alerts() -> None:
    assert alert_name("node.loop_lag") == "AetherNodeLoopLag"
    assert runbook_of("node.cpu") == "runbooks/node-cpu.md"


def test_what_is_committed_is_fresh() -> None:
    assert stale(ROOT) == []


def test_a_stale_file_is_named(tmp_path: Path) -> None:
    assert stale(tmp_path) == list(files())
    write(tmp_path)
    assert stale(tmp_path) == []
    (tmp_path / "deploy/observability/alerts.yml").write_text("old")
    assert stale(tmp_path) == ["alerts.yml"]
