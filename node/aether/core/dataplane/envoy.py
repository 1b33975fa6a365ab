"""A routing table as Envoy's configuration: resources of its discovery services, one file each.

Versions of one slice are endpoints of one cluster and not clusters with weights: a retry stays in the
cluster that was chosen first, and could never leave a version that is dead.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aether.core.dataplane.edge import (
    IDEMPOTENT,
    RESERVED,
    TRUSTED_HEADERS,
    EdgeEndpoint,
    EdgeRoute,
    edge_endpoints,
    edge_routes,
    routes_of_host,
)
from aether.core.dataplane.envoy_listener import (
    ROUTES,
    SECRETS,
    TYPE,
    Json,
    Place,
    listener,
    secret,
    source,
)
from aether.core.dataplane.table import Table

Files = Mapping[str, Json]
"""What each file of a folder says, by its path within it."""

LISTENERS, CLUSTERS, ENDPOINTS = "lds.json", "cds.json", "eds"
HEAVIEST = 10_000
_MESH = "aether.mesh"
"""Metadata of an endpoint behind another node's router: which instance is meant."""
_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_CONNECT_S = 1


def bootstrap(folder: str) -> Json:
    """Return what Envoy is started with; everything else it reads from the folder."""
    return {
        "node": {"id": "aether-edge", "cluster": "aether"},
        "dynamic_resources": {
            "lds_config": source(folder, LISTENERS),
            "cds_config": source(folder, CLUSTERS),
        },
    }


def snapshot(table: Table, place: Place) -> Files:
    """Return every file for a table."""
    clusters = edge_endpoints(table, HEAVIEST)
    files: dict[str, Json] = {
        f"{ENDPOINTS}/{base}.json": _resources("EndpointAssignment", [_assignment(base, some)])
        for base, some in clusters.items()
    }
    files[CLUSTERS] = _resources("Cluster", [_cluster(base, place.folder) for base in clusters])
    files[ROUTES] = _resources("Routes", [_routes(edge_routes(table))])
    files[LISTENERS] = _resources("Listener", [listener(place)])
    if place.certificate:
        files[SECRETS] = {"resources": [secret(place.certificate)]}
    return files


def steps(before: Files, after: Files) -> Iterator[tuple[str, Json]]:
    """Yield the files to be replaced, in an order in which no route ever names a cluster that is not there.

    Clusters that go are named until no route leads to them. Files of `ENDPOINTS` that `after` lacks
    may be removed at the end.
    """
    for path in sorted(after):
        if path.startswith(f"{ENDPOINTS}/") and before.get(path) != after[path]:
            yield path, after[path]
    known, wanted = _by_name(before.get(CLUSTERS)), _by_name(after[CLUSTERS])
    union = {**known, **wanted}
    if union != known or CLUSTERS not in before:
        yield CLUSTERS, _resources("Cluster", [union[name] for name in sorted(union)])
    for path in (ROUTES, SECRETS, LISTENERS):
        if path in after and before.get(path) != after[path]:
            yield path, after[path]
    if union != wanted:
        yield CLUSTERS, after[CLUSTERS]


def _by_name(file: Json | None) -> dict[str, Json]:
    return {each["name"]: each for each in file["resources"]} if file else {}


_TYPES = {
    "EndpointAssignment": "config.endpoint.v3.ClusterLoadAssignment",
    "Cluster": "config.cluster.v3.Cluster",
    "Routes": "config.route.v3.RouteConfiguration",
    "Listener": "config.listener.v3.Listener",
}


def _resources(kind: str, resources: Sequence[Json]) -> Json:
    return {"resources": [{"@type": TYPE + _TYPES[kind], **each} for each in resources]}


def _cluster(base: str, folder: str) -> Json:
    return {
        "name": base,
        "type": "EDS",
        "eds_cluster_config": {"eds_config": source(folder, f"{ENDPOINTS}/{base}.json")},
        "connect_timeout": f"{_CONNECT_S}s",
        "typed_extension_protocol_options": {_OPTIONS: _protocol()},
        "lb_policy": "ROUND_ROBIN",
        "circuit_breakers": {
            "thresholds": [
                {"retry_budget": {"budget_percent": {"value": 10}, "min_retry_concurrency": 3}}
            ]
        },
        "outlier_detection": {
            "split_external_local_origin_errors": True,
            "consecutive_local_origin_failure": 3,
            "enforcing_consecutive_local_origin_failure": 100,
            "enforcing_consecutive_5xx": 0,
            "enforcing_success_rate": 0,
            "base_ejection_time": "1s",
            "max_ejection_time": "8s",
            "interval": "1s",
            "max_ejection_percent": 50,
        },
    }


def _protocol() -> Json:
    """Return HTTP/1.1 with the name of the instance in each request, known once an endpoint is chosen."""
    named = {
        "header": {"key": "x-aether-instance", "value": f"%UPSTREAM_METADATA({_MESH}:instance)%"},
        "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
    }
    mutation = {
        "@type": TYPE + "extensions.filters.http.header_mutation.v3.HeaderMutation",
        "mutations": {"request_mutations": [{"append": named}]},
    }
    codec = {"@type": TYPE + "extensions.filters.http.upstream_codec.v3.UpstreamCodec"}
    return {
        "@type": f"type.googleapis.com/{_OPTIONS}",
        "explicit_http_config": {"http_protocol_options": {}},
        "http_filters": [
            {"name": "envoy.filters.http.header_mutation", "typed_config": mutation},
            {"name": "envoy.filters.http.upstream_codec", "typed_config": codec},
        ],
    }


def _assignment(base: str, endpoints: Sequence[EdgeEndpoint]) -> Json:
    return {"cluster_name": base, "endpoints": [{"lb_endpoints": [*map(_endpoint, endpoints)]}]}


def _endpoint(each: EdgeEndpoint) -> Json:
    endpoint = each.endpoint
    if endpoint.socket:
        address: Json = {"pipe": {"path": endpoint.socket}}
    else:
        host, _, port = endpoint.mesh.rpartition(":")
        address = {"socket_address": {"address": host.strip("[]"), "port_value": int(port)}}
    return {
        "endpoint": {"address": address},
        "load_balancing_weight": each.weight,
        "metadata": {"filter_metadata": {_MESH: {"instance": str(endpoint.instance)}}},
    }


def _routes(routes: tuple[EdgeRoute, ...]) -> Json:
    hosts = sorted({route.host for route in routes} | {""})
    return {
        "name": "aether",
        "request_headers_to_remove": list(TRUSTED_HEADERS),
        "virtual_hosts": [
            {
                "name": host or "any",
                "domains": [host, f"{host}:*"]
                if host and not host.startswith("*")
                else [host or "*"],
                "routes": [_reserved(), *_of_host(routes, host)],
            }
            for host in hosts
        ],
    }


def _reserved() -> Json:
    return {
        "match": {"safe_regex": {"regex": f"(?:.*){RESERVED}(?:/.*)?"}},
        "direct_response": {"status": 404},
    }


def _of_host(routes: tuple[EdgeRoute, ...], host: str) -> Iterator[Json]:
    for route in routes_of_host(routes, host):
        again = [each for each in IDEMPOTENT if not route.methods or each in route.methods]
        once = [each for each in route.methods if each not in IDEMPOTENT]
        if again:
            yield _route(route, again, may_repeat=True)
        if once or not route.methods:
            yield _route(route, once, may_repeat=False)


def _route(route: EdgeRoute, methods: Sequence[str], *, may_repeat: bool) -> Json:
    match: dict[str, Any] = {"safe_regex": {"regex": route.path}}
    if methods:
        verbs = {"safe_regex": {"regex": "|".join(methods)}}
        match["headers"] = [{"name": ":method", "string_match": verbs}]
    action: dict[str, Any] = {
        "cluster": route.slice,
        "timeout": "0s",
        "idle_timeout": f"{route.timeout_s:g}s",
    }
    if route.attempts > 1:
        lost = ",reset" if may_repeat else ""
        action["retry_policy"] = {
            "retry_on": f"connect-failure,refused-stream,reset-before-request{lost}",
            "num_retries": route.attempts - 1,
            "retry_host_predicate": [
                {
                    "name": "previous",
                    "typed_config": {
                        "@type": TYPE
                        + "extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
                    },
                }
            ],
            "host_selection_retry_max_attempts": 3,
        }
    return {"match": match, "route": action}
