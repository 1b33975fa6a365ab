"""Dashboards as Grafana imports them: two graphs a row, the source of data chosen by the reader."""

import json
from collections.abc import Iterator
from typing import Any

from aether_forge.observability.panels import DASHBOARDS, Dashboard, Panel

SCHEMA_VERSION = 39
_WIDTH, _HEIGHT = 12, 8
_SOURCE = {"type": "prometheus", "uid": "${source}"}


def dashboard_files() -> Iterator[tuple[str, str]]:
    """Yield name and text of each dashboard's file."""
    for one in DASHBOARDS:
        text = json.dumps(_written(one), indent=2, ensure_ascii=False)
        yield f"dashboards/{one.name}.json", f"{text}\n"


def all_queries() -> Iterator[tuple[str, str]]:
    """Yield the panel and each of its queries as Prometheus takes them, whatever the reader may pick."""
    for one in DASHBOARDS:
        for panel in one.panels:
            for query, _ in panel.queries:
                plain = query.replace("$__rate_interval", "1m").replace("$slice", ".*")
                yield f"{one.name}: {panel.title}", plain


def _written(one: Dashboard) -> dict[str, Any]:
    variables = [_source_variable()]
    if one.by_slice:
        variables.append(_slice_variable())
    return {
        "uid": f"aether-{one.name}",
        "title": one.title,
        "tags": ["aether"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": True,
        "refresh": "15s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": variables},
        "panels": [_panel(place, panel) for place, panel in enumerate(one.panels)],
    }


def _source_variable() -> dict[str, Any]:
    return {"name": "source", "label": "Source", "type": "datasource", "query": "prometheus"}


def _slice_variable() -> dict[str, Any]:
    query = "label_values(aether_slice_wanted_instances, slice)"
    return {
        "name": "slice",
        "label": "Slice",
        "type": "query",
        "datasource": _SOURCE,
        "query": {"query": query, "refId": "slices"},
        "definition": query,
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
    }


def _panel(place: int, panel: Panel) -> dict[str, Any]:
    row, column = divmod(place, 2)
    return {
        "id": place + 1,
        "type": "timeseries",
        "title": panel.title,
        "description": panel.about,
        "datasource": _SOURCE,
        "gridPos": {"x": column * _WIDTH, "y": row * _HEIGHT, "w": _WIDTH, "h": _HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom"},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        "targets": [
            {
                "refId": chr(ord("A") + number),
                "datasource": _SOURCE,
                "expr": query,
                "legendFormat": legend,
            }
            for number, (query, legend) in enumerate(panel.queries)
        ],
    }
