"""Every series is shown on a dashboard or watched by a rule."""

from aether.telemetry.exposition.table import SERIES
from aether_forge.observability.alerts import alert_rules
from aether_forge.observability.dashboards import all_queries
from aether_forge.observability.panels import DASHBOARDS
from tests.exposition_world import series_in

DECLARED = {series.name for series in SERIES}


def test_every_series_is_shown_or_watched() -> None:
    shown = {name for _, query in all_queries() for name in series_in(query)}
    watched = {name for rule in alert_rules() for name in series_in(rule.query)}
    told_elsewhere = {series.name for series in SERIES if series.source == "exposition"}
    assert DECLARED - shown - watched - told_elsewhere == set()


def test_who_may_pick_slices_is_asked_for_them() -> None:
    for board in DASHBOARDS:
        asks = any("$slice" in query for panel in board.panels for query, _ in panel.queries)
        assert asks == board.by_slice
