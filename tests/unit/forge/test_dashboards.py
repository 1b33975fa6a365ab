"""Dashboards are whole, and ask for series there are."""

import json

from aether.telemetry.exposition.table import SERIES
from aether_forge.observability.dashboards import all_queries, dashboard_files
from aether_forge.observability.panels import DASHBOARDS
from tests.exposition_world import series_in

DECLARED = {series.name for series in SERIES}


def test_queries_of_dashboards_ask_for_series_there_are() -> None:
    queries = list(all_queries())
    assert len(queries) > 50
    for panel, query in queries:
        assert set(series_in(query)) <= DECLARED, panel
        assert "$" not in query


def test_dashboards_are_whole() -> None:
    assert len(dict(dashboard_files())) == len(DASHBOARDS)
    for _, text in dashboard_files():
        board = json.loads(text)
        places = [(p["gridPos"]["x"], p["gridPos"]["y"]) for p in board["panels"]]
        assert len(set(places)) == len(places)
        assert len({p["title"] for p in board["panels"]}) == len(places)
        assert all(p["targets"] for p in board["panels"])
