"""The one table of the management API: dispatch, reference and tests are made from it.

Each noun's module holds its own rows beside their handlers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from aether.api import (
    alerts,
    artifacts,
    backup,
    blueprints,
    changes,
    cluster,
    config,
    controller,
    controller_scaling,
    entries,
    events,
    exposition,
    forecast,
    invocations,
    log_levels,
    members,
    metrics,
    node_conditions,
    node_orders,
    node_routers,
    nodes,
    plan_calls,
    route_stats,
    slice_traffic,
    slices,
    thresholds,
    topology,
    traces,
    webhooks,
    why,
)
from aether.api.endpoint import Endpoint
from aether.errors import Invalid

ENDPOINTS: tuple[Endpoint, ...] = (
    *cluster.ENDPOINTS,
    *exposition.ENDPOINTS,
    *metrics.ENDPOINTS,
    *invocations.ENDPOINTS,
    *route_stats.ENDPOINTS,
    *nodes.ENDPOINTS,
    *node_orders.ENDPOINTS,
    *node_routers.ENDPOINTS,
    *node_conditions.ENDPOINTS,
    *topology.ENDPOINTS,
    *config.ENDPOINTS,
    *members.ENDPOINTS,
    *backup.ENDPOINTS,
    *plan_calls.ENDPOINTS,
    *blueprints.ENDPOINTS,
    *slices.ENDPOINTS,
    *slice_traffic.ENDPOINTS,
    *artifacts.ENDPOINTS,
    *entries.ENDPOINTS,
    *why.ENDPOINTS,
    *changes.ENDPOINTS,
    *events.ENDPOINTS,
    *alerts.ENDPOINTS,
    *thresholds.ENDPOINTS,
    *webhooks.ENDPOINTS,
    *log_levels.ENDPOINTS,
    *controller.ENDPOINTS,
    *traces.ENDPOINTS,
    *controller_scaling.ENDPOINTS,
    *forecast.ENDPOINTS,
)
"""Every call, grouped by noun."""

Parts = tuple[str, ...]
"""A path, or the template of one, between its slashes."""


def _noun(parts: Parts) -> str:
    """Return what a path below the API's version is about; nothing for other paths."""
    return parts[3] if len(parts) > 3 else ""


def _by_noun(endpoints: Sequence[Endpoint]) -> Mapping[str, Sequence[tuple[Parts, Endpoint]]]:
    """Return the endpoints by noun, each list in the order of the table."""
    found: dict[str, list[tuple[Parts, Endpoint]]] = {}
    for endpoint in endpoints:
        parts = tuple(endpoint.path.split("/"))
        found.setdefault(_noun(parts), []).append((parts, endpoint))
    return found


_ENDPOINTS = _by_noun(ENDPOINTS)


@dataclass(frozen=True, slots=True)
class Found:
    """An endpoint for a request, with the parameters of its path decoded."""

    endpoint: Endpoint
    params: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class OtherMethods:
    """The path exists for these methods only."""

    allowed: tuple[str, ...]


def find_endpoint(method: str, path: str) -> Found | OtherMethods | None:
    """Return who answers; None when the path is unknown. A path has no query here.

    Of two templates that fit, the one listed first is meant: literal ones stand before those with
    parameters. Raises Invalid when a parameter is not UTF-8.
    """
    wanted = "GET" if method == "HEAD" else method
    allowed: set[str] = set()
    given = tuple(path.split("/"))
    for template, endpoint in _ENDPOINTS.get(_noun(given), ()):
        params = _match(template, given)
        if params is None:
            continue
        if endpoint.method == wanted:
            return Found(endpoint, params)
        allowed.add(endpoint.method)
    return OtherMethods(tuple(sorted(allowed))) if allowed else None


def _match(template: Parts, given: Parts) -> Mapping[str, str] | None:
    """Return the parameters of a path when it fits the template."""
    params: dict[str, str] = {}
    for position, part in enumerate(template):
        if part.endswith("...}"):
            rest = "/".join(given[position:])
            return {**params, part[1:-4]: _decoded(rest)} if position < len(given) else None
        if position >= len(given):
            return None
        if part.startswith("{"):
            if not given[position]:
                return None
            params[part[1:-1]] = _decoded(given[position])
        elif part != given[position]:
            return None
    return params if len(template) == len(given) else None


def _decoded(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError as problem:
        raise Invalid(f"{text[:100]!r} in the path is not UTF-8") from problem
