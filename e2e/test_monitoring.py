"""A real Prometheus scrapes a forge: every series has values, every query of a dashboard has data."""

import json
import math
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from aether.telemetry.exposition.series import Series
from aether.telemetry.exposition.table import SERIES
from aether_forge.observability.alerts import alert_rules
from aether_forge.observability.dashboards import all_queries
from e2e.forge import EXAMPLES, Forge, call, running_forge, wait_until
from e2e.load import Load
from e2e.monitored import NEEDED, Prometheus, running_prometheus
from tests.integration.collector_rig import Received, collector

pytestmark = NEEDED

NODES = {"node-1", "node-2", "node-3"}
ABSENT = {
    "aether_exposition_dropped_label_sets": "no series has more label sets than its most",
    "aether_router_requests_in_flight": "no request is under way at that moment",
    "aether_scaling_utilisation_ratio": "not known before load has lasted a while",
    "aether_scaling_capacity_requests_per_second": "as above",
    **{
        series.name: "a forecast needs hours of history"
        for series in SERIES
        if series.source == "forecast" and series.name != "aether_forecast_ready"
    },
}
"""Series that may have no value at all while all is well."""


@pytest.fixture(scope="module")
def received() -> Iterator[Received]:
    """What a collector of OpenTelemetry receives from every node."""
    with collector() as (endpoint, made), pytest.MonkeyPatch.context() as patch:
        patch.setenv("AETHER_OTEL__ENDPOINT", endpoint)
        patch.setenv("AETHER_OTEL__INTERVAL_S", "2")
        yield made


@pytest.fixture(scope="module")
def forge(received: Received) -> Iterator[Forge]:
    assert received.refuse is None
    with running_forge(7000, *EXAMPLES) as cluster:
        for node in (1, 2, 3):
            cluster.wait_deployed(node, 60)
        # Every machine that runs this is busier than that: an alert that is active, and one that is silenced.
        cluster.aether("threshold", "set", "node.cpu", "--warning", "0.000001", "--for", "1s")
        body = {"metric": "node.cpu", "subject": "node-1", "duration_s": 600, "author": "e2e"}
        silenced = cluster.api(1, "alerts/silences", "POST", json.dumps(body).encode())
        assert silenced.status == 201, silenced.body
        yield cluster


@pytest.fixture(scope="module")
def prometheus(forge: Forge, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Prometheus once it has scraped a forge at work for a while."""
    folder = tmp_path_factory.mktemp("prometheus")
    routers = [forge.router(node) for node in (1, 2, 3)]
    with running_prometheus(folder, forge.management(1)) as running, Load(routers) as load:
        wait_until("all are scraped", lambda: set(running.up().values()) == {"up"}, 30)
        wait_until("looked often", lambda: _looks(running) >= 5, 60)
        load.wait_for_requests(300, 30)
        yield running


def _looks(prometheus: Prometheus) -> float:
    found = prometheus.query("min(aether_exposition_looks_total)")
    return float(found[0]["value"][1]) if found else 0.0


def _values(prometheus: Prometheus, series: Series) -> list[float]:
    name = f"{series.text_name}_count" if series.kind == "histogram" else series.text_name
    found = prometheus.query(f"last_over_time({name}[1m])")
    return [float(one["value"][1]) for one in found]


def test_prometheus_finds_the_nodes_by_asking_one(prometheus: Prometheus) -> None:
    assert prometheus.up() == dict.fromkeys(sorted(NODES), "up")


@pytest.mark.parametrize("series", SERIES, ids=lambda series: series.name)
def test_a_series_has_values_after_activity(prometheus: Prometheus, series: Series) -> None:
    if series.name in ABSENT:
        return
    wait_until(f"{series.name} is there", lambda: bool(_values(prometheus, series)), 20)
    if not series.calm:
        wait_until(f"{series.name} is not zero", lambda: any(_values(prometheus, series)), 20)
    values = _values(prometheus, series)
    assert all(map(math.isfinite, values)), "a rate or a sum over it would be no number either"
    assert series.kind == "gauge" or min(values) >= 0, "counts, sums and infos are never negative"
    assert len(values) <= series.most * len(NODES), (
        "as many label sets as were promised, of each node"
    )


@pytest.mark.parametrize("series", SERIES, ids=lambda series: series.name)
def test_who_tells_a_series(prometheus: Prometheus, series: Series) -> None:
    if series.name in ABSENT or series.kind == "histogram":
        return
    found = prometheus.query(f"count by (instance) ({series.text_name})")
    tellers = {one["metric"]["instance"] for one in found}
    assert tellers <= NODES
    if series.whose == "leader":
        assert len(tellers) == 1


@pytest.mark.parametrize(("panel", "query"), list(all_queries()))
def test_a_query_of_a_dashboard_has_data(prometheus: Prometheus, panel: str, query: str) -> None:
    if any(name in query for name in ABSENT):
        assert prometheus.query(query) is not None
        return
    wait_until(f"{panel}: {query} has data", lambda: bool(prometheus.query(query)), 20)


def test_every_rule_is_evaluated(prometheus: Prometheus) -> None:
    def evaluated() -> int:
        (group,) = prometheus.ask("rules")["groups"]
        assert all(rule["lastError"] == "" for rule in group["rules"] if "lastError" in rule)
        return sum(rule["health"] == "ok" for rule in group["rules"])

    wait_until("all rules are evaluated", lambda: evaluated() == len(alert_rules()), 20)


def test_counters_agree_with_what_was_asked(forge: Forge, prometheus: Prometheus) -> None:
    def asked() -> float:
        path = "routes/stats?cluster=true&idle=true&window=1"
        told = forge.api(1, path).json()["series"]
        return float(sum(one["total"] for one in told))

    def scraped() -> float:
        (found,) = prometheus.query("sum(aether_router_requests_total)")
        return float(found["value"][1])

    before = asked()
    wait_until("as many are scraped", lambda: scraped() >= before, 20)
    assert scraped() <= asked()


PROVOKED = ("aether_alert_active", "aether_alerts", "aether_alert_silences", "aether_otlp_sent")
"""Series that are zero in calm, and were made not to be."""


@pytest.mark.parametrize("name", PROVOKED)
def test_what_was_provoked_is_told(prometheus: Prometheus, name: str) -> None:
    (series,) = [series for series in SERIES if series.name == name]
    wait_until(f"{name} is not zero", lambda: any(_values(prometheus, series)), 30)
    values = _values(prometheus, series)
    assert max(values) >= 1, "an alert, a silence, a span: whole ones"
    assert all(value == int(value) >= 0 for value in values)


def test_traces_series_and_lines_reach_a_collector(
    prometheus: Prometheus, received: Received
) -> None:
    assert prometheus.port
    wait_until("all three arrive", lambda: bool(received.spans and received.records), 60)
    wait_until("of every node", lambda: set(_senders(received)) == NODES, 30)
    names = {metric.name for metric in received.metrics}
    always = {s.name for s in SERIES if not s.calm and s.kind != "info"}
    wait_until("every series", lambda: always <= {m.name for m in received.metrics}, 30)
    assert names <= {series.name for series in SERIES}


def _senders(received: Received) -> list[str]:
    return [one["service.instance.id"] for one in received.resources]


def test_promtool_finds_nothing_to_say(forge: Forge, prometheus: Prometheus) -> None:
    assert prometheus.port
    for node in (1, 2, 3):
        text = call(forge.management(node), "GET", "/metrics").body
        done = subprocess.run(
            ["promtool", "check", "metrics"], input=text, capture_output=True, check=False
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_the_shipped_files_pass_promtool() -> None:
    folder = Path(__file__).resolve().parent.parent / "deploy" / "observability"
    for check in (
        ("check", "config", "--syntax-only", "prometheus.yml"),
        ("check", "rules", "alerts.yml"),
        ("test", "rules", "alerts_test.yml"),
    ):
        done = subprocess.run(
            ["promtool", *check], cwd=folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "SUCCESS" in done.stdout
