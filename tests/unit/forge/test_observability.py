"""What is generated for Prometheus and Grafana speaks of series there are, and is fresh."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from aether.core.alerts.thresholds import RULES, runbook_of
from aether.telemetry.exposition.table import SERIES
from aether_forge.observability.alert_tests import alert_tests
from aether_forge.observability.alerts import PromRule, alert_name, alert_rules
from aether_forge.observability.conditions import CONDITIONS
from aether_forge.observability.dashboards import all_queries, dashboard_files
from aether_forge.observability.files import files, stale, write
from aether_forge.observability.panels import DASHBOARDS

ROOT = Path(__file__).resolve().parents[3]
RULES_FOR_PROMETHEUS = alert_rules()
NOT_EXPORTED = {
    "node.certificate": "days are told by the alert itself",
    "node.provision": "the leader's own count",
    "webhook.failing": "the leader's own count",
}
"""Built-in alerts without a rule of their own: `AetherAlert` passes them on."""


def names_in(query: str) -> Iterator[str]:
    for name in re.findall(r"\baether_\w+", query):
        yield re.sub(r"_(total|bucket|sum|count|info)$", "", name)


DECLARED = {series.name for series in SERIES}


@pytest.mark.parametrize("rule", RULES_FOR_PROMETHEUS, ids=lambda r: f"{r.alert}-{r.severity}")
def test_a_rule_asks_for_series_there_are(rule: PromRule) -> None:
    assert set(names_in(rule.query)) <= DECLARED
    for series, _, _ in rule.inputs:
        assert set(names_in(series.partition("{")[0])) <= set(names_in(rule.query))
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


def test_every_rule_is_tested() -> None:
    tests = alert_tests()
    assert isinstance(tests, dict)
    assert len(tests["tests"]) == len(RULES_FOR_PROMETHEUS)


def test_queries_of_dashboards_ask_for_series_there_are() -> None:
    queries = list(all_queries())
    assert len(queries) > 50
    for panel, query in queries:
        assert set(names_in(query)) <= DECLARED, panel
        assert "$" not in query


def test_every_series_is_shown_or_watched() -> None:
    shown = {name for _, query in all_queries() for name in names_in(query)}
    watched = {name for rule in RULES_FOR_PROMETHEUS for name in names_in(rule.query)}
    told_elsewhere = {series.name for series in SERIES if series.source == "exposition"}
    assert DECLARED - shown - watched - told_elsewhere == set()


def test_dashboards_are_whole() -> None:
    assert len(dict(dashboard_files())) == len(DASHBOARDS)
    for _, text in dashboard_files():
        board = json.loads(text)
        places = [(p["gridPos"]["x"], p["gridPos"]["y"]) for p in board["panels"]]
        assert len(set(places)) == len(places)
        assert len({p["title"] for p in board["panels"]}) == len(places)
        assert all(p["targets"] for p in board["panels"])


def test_what_is_committed_is_fresh() -> None:
    assert stale(ROOT) == []


def test_a_stale_file_is_named(tmp_path: Path) -> None:
    assert stale(tmp_path) == list(files())
    write(tmp_path)
    assert stale(tmp_path) == []
    (tmp_path / "deploy/observability/alerts.yml").write_text("old")
    assert stale(tmp_path) == ["alerts.yml"]
