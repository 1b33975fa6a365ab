"""The table itself, and every call of it made once."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from aether.api.routes import ENDPOINTS, Found, OtherMethods, find_endpoint
from aether.api.service import Api
from aether.core.model.alert_records import SilenceRecord, WebhookRecord
from aether.core.model.records import encode
from aether.core.tracing.span import ENTRY, Span
from aether.errors import Invalid
from aether.forecast.telling import ForecastDesk
from aether.node.clock import MonotonicClock
from aether.telemetry.exposition.exposition import Exposition
from aether.telemetry.exposition.table import SERIES
from tests.api_world import BLUEPRINT, ApiWorld
from tests.unit.forecast.test_forecast_service import World
from tests.worlds import APP, SHOP

CALLS: dict[str, tuple[str, bytes]] = {
    "health.live": ("/health/live", b""),
    "health.ready": ("/health/ready", b""),
    "status.get": ("status", b""),
    "node.list": ("nodes", b""),
    "node.get": ("nodes/node-1", b""),
    "node.remove": ("nodes/node-4", b""),
    "node.drain": ("nodes/node-2/drain", b""),
    "node.drain.plan": ("nodes/node-2/drain/plan", b""),
    "node.remove.plan": ("nodes/node-4/remove/plan", b""),
    "node.activate": ("nodes/node-2/activate", b""),
    "node.shutdown": ("nodes/node-2/shutdown", b'{"force": true}'),
    "node.router": ("nodes/node-1/router", b""),
    "node.router.restart": ("nodes/node-1/router/restart", b""),
    "topology.get": ("topology", b""),
    "topology.put": ("topology", b'{"nodes": 3, "max_nodes": 5}'),
    "topology.delete": ("topology", b""),
    "member.list": ("cluster/members", b""),
    "member.get": ("cluster/members/node-1", b""),
    "member.promote": ("cluster/members/node-4/promote", b""),
    "member.remove": ("cluster/members/node-4", b""),
    "leader.transfer": ("cluster/leader", b'{"node": "node-2"}'),
    "backup.take": ("backup", b""),
    "blueprint.list": ("blueprints", b""),
    "blueprint.apply": ("blueprints", BLUEPRINT.encode()),
    "blueprint.validate": ("blueprints/validate", BLUEPRINT.encode()),
    "blueprint.plan": ("blueprints/plan", BLUEPRINT.encode()),
    "blueprint.delete.plan": (f"blueprints/{APP}/delete/plan", b""),
    "slice.scale.plan": (f"slices/{SHOP}/scale/plan", b'{"instances": 2}'),
    "blueprint.get": (f"blueprints/{APP}", b""),
    "blueprint.delete": (f"blueprints/{APP}", b""),
    "blueprint.status": (f"blueprints/{APP}/status", b""),
    "blueprint.history": (f"blueprints/{APP}/history", b""),
    "blueprint.generation": (f"blueprints/{APP}/history/1", b""),
    "blueprint.reapply": (f"blueprints/{APP}/history/1/apply", b""),
    "blueprint.diff": (f"blueprints/{APP}/diff?from=1&to=1", b""),
    "slice.list": ("slices", b""),
    "slice.get": (f"slices/{SHOP}", b""),
    "slice.scale": (f"slices/{SHOP}/scale", b'{"instances": 2}'),
    "slice.traffic.get": (f"slices/{SHOP}/traffic", b""),
    "slice.traffic.put": (f"slices/{SHOP}/traffic", b'{"weights": {"1.0.0": 1}}'),
    "slice.traffic.delete": (f"slices/{SHOP}/traffic", b""),
    "route.list": ("routes", b""),
    "route.stats": ("routes/stats", b""),
    "metrics.scrape": ("/metrics", b""),
    "metrics.targets": ("/metrics/targets", b""),
    "forecast.status": ("forecast/status", b""),
    "forecast.scorecard": ("forecast/scorecard", b""),
    "forecast.training-data": ("forecast/training-data", b""),
    "metric.get": ("metrics", b""),
    "metric.list": ("metrics/catalogue", b""),
    "metric.history": ("metrics/history?metric=node.cpu", b""),
    "invocation.list": ("invocations", b""),
    "invocation.slow": ("invocations/slow", b""),
    "artifact.list": ("artifacts", b""),
    "artifact.push": ("artifacts?filename=x.whl", b"wheel"),
    "kv.range": ("kv?prefix=node/", b""),
    "kv.get": ("kv/app/x", b""),
    "kv.put": ("kv/app/x", b"2"),
    "kv.delete": ("kv/app/x", b""),
    "slice.why": (f"slices/{SHOP}/why", b""),
    "node.why": ("nodes/node-1/why", b""),
    "blueprint.why": (f"blueprints/{APP}/why", b""),
    "rollout.why": ("rollouts/r-1/why", b""),
    "change.list": ("changes", b""),
    "change.diff": ("diff?from=-0s", b""),
    "config.list": ("config", b""),
    "config.get": ("config/cluster/log.level", b""),
    "config.put": ("config/cluster/log.level", b'{"value": "debug"}'),
    "config.delete": ("config/cluster/log.level", b""),
    "node.conditions": ("nodes/node-1/conditions", b""),
    "event.list": ("events", b""),
    "alert.list": ("alerts", b""),
    "alert.history": ("alerts/history", b""),
    "silence.list": ("alerts/silences", b""),
    "silence.post": ("alerts/silences", b'{"author": "me"}'),
    "silence.delete": ("alerts/silences/s-1", b""),
    "threshold.list": ("thresholds", b""),
    "threshold.put": ("thresholds/node.cpu/*", b'{"warning": 0.5}'),
    "threshold.delete": ("thresholds/node.cpu/*", b""),
    "webhook.list": ("webhooks", b""),
    "webhook.put": ("webhooks/w-2", b'{"url": "http://localhost/x"}'),
    "webhook.delete": ("webhooks/w-1", b""),
    "webhook.test": ("webhooks/w-1/test", b""),
    "log_level.list": ("log-levels", b""),
    "log_level.put": ("log-levels/aether.control", b'{"level": "debug"}'),
    "log_level.delete": ("log-levels/aether.control", b""),
    "trace.list": ("traces", b""),
    "trace.get": (f"traces/{32 * 'a'}", b""),
    "trace.ask": ("traces/ask", b'{"traces": []}'),
    "controller.plan": ("controller/plan", b""),
    "controller.evaluate": ("controller/evaluate", b""),
    "controller.status": ("controller/status", b""),
    "controller.config": ("controller/config", b""),
    "controller.decisions": ("controller/decisions", b""),
}
"""A good call for every name of the table: path and body."""
KINDS = {
    "backup.take": "application/octet-stream",
    "metrics.scrape": "text/plain; version=0.0.4; charset=utf-8",
}
"""What is not JSON."""


def forecasts() -> dict[str, Any]:
    return {"forecast": ForecastDesk(World().service)}


def exposition() -> dict[str, Any]:
    return {"exposition": Exposition(SERIES, [], MonotonicClock())}


TOLD = {
    "forecast.status": forecasts,
    "forecast.scorecard": forecasts,
    "forecast.training-data": forecasts,
    "metrics.scrape": exposition,
}
"""What some of them ask, which the world of these tests has not by itself."""
RECORDED = {
    "slice.why",
    "node.why",
    "blueprint.why",
    "change.list",
    "change.diff",
    "event.list",
    "alert.history",
}
HELD = {
    "app/x": b"1",
    "webhook/w-1": encode(WebhookRecord(url="http://localhost/x")),
    "silence/s-1": encode(SilenceRecord(author="me", created_ms=1, until_ms=2)),
}
"""What some of them ask for."""
LEADERS = ("controller.", "forecast.status", "forecast.scorecard")
"""Reads of what the leader alone knows."""
ADMINS = {"member.promote", "member.remove", "leader.transfer", "backup.take"}


def to_plain_span() -> object:
    """Return a span as a router ships it."""
    span = Span(
        trace=32 * "a", id=16 * "b", parent="", kind="request", name="GET /", began=1.0, seconds=0.1,
        status=200, marks=ENTRY,
    )  # fmt: skip
    return msgspec.to_builtins(span)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)
async def test_every_call_succeeds_with_the_status_it_names(
    deployed: ApiWorld, endpoint: object
) -> None:
    (meant,) = [one for one in ENDPOINTS if one is endpoint]
    await deployed.put(HELD)
    if meant.name in RECORDED:
        await deployed.record()
        await deployed.told()
    if meant.name == "trace.get":
        deployed.traces.take_of_router([to_plain_span()])
    if meant.name in TOLD:
        deployed.api = Api(replace(deployed.context, **TOLD[meant.name]()))
    path, body = CALLS[meant.name]
    answer = await deployed.call(meant.method, path, body)
    assert answer.status == meant.status, answer.body
    assert answer.headers["content-type"] == KINDS.get(
        meant.name, "application/problem+json" if meant.status == 404 else "application/json"
    )


def test_names_and_method_path_pairs_are_unique() -> None:
    assert len({endpoint.name for endpoint in ENDPOINTS}) == len(ENDPOINTS)
    assert len({(endpoint.method, endpoint.path) for endpoint in ENDPOINTS}) == len(ENDPOINTS)


def test_reads_need_no_more_than_a_viewer_and_only_changes_and_plans_need_the_leader() -> None:
    for endpoint in ENDPOINTS:
        plans = endpoint.name.endswith(".plan")
        is_read = endpoint.method == "GET" and not endpoint.name.startswith(LEADERS)
        looks = is_read or endpoint.name == "blueprint.validate"
        role = "viewer" if looks or plans or endpoint.method == "GET" else "operator"
        assert endpoint.role == ("admin" if endpoint.name in ADMINS else role)
        assert not looks or not endpoint.leader_only
        assert not plans or endpoint.leader_only


@pytest.mark.parametrize(
    ("method", "path", "name", "params"),
    [
        ("GET", "/api/v1/nodes/n-1", "node.get", {"id": "n-1"}),
        ("HEAD", "/api/v1/nodes/n-1", "node.get", {"id": "n-1"}),
        ("POST", "/api/v1/blueprints/validate", "blueprint.validate", {}),
        ("GET", "/api/v1/blueprints/a%3Ab/status", "blueprint.status", {"id": "a:b"}),
        ("GET", "/api/v1/kv/app/x%2Fy/z%20", "kv.get", {"key": "app/x/y/z "}),
        ("GET", "/api/v1/kv/", "kv.get", {"key": ""}),
        ("GET", "/api/v1/kv", "kv.range", {}),
    ],
)
def test_a_path_leads_to_its_call(
    method: str, path: str, name: str, params: dict[str, str]
) -> None:
    found = find_endpoint(method, path)
    assert isinstance(found, Found)
    assert (found.endpoint.name, found.params) == (name, params)


@pytest.mark.parametrize("path", ["/", "", "/api/v1/nodes/", "/api/v1/nodes/a/b", "/API/v1/nodes"])
def test_other_paths_lead_nowhere(path: str) -> None:
    assert find_endpoint("GET", path) is None


def test_other_methods_are_told_apart_from_other_paths() -> None:
    assert find_endpoint("PATCH", "/api/v1/kv/x") == OtherMethods(("DELETE", "GET", "PUT"))


def test_no_noun_is_a_parameter_so_that_calls_are_looked_for_by_noun() -> None:
    for endpoint in ENDPOINTS:
        assert "{" not in "/".join(endpoint.path.split("/")[:4]), endpoint.path


def test_a_parameter_must_be_utf_8() -> None:
    with pytest.raises(Invalid, match="UTF-8"):
        find_endpoint("GET", "/api/v1/kv/%ff")
