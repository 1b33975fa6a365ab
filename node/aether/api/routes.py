"""The one table of the management API: dispatch, reference and tests are made from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote

from pydantic import BaseModel

from aether.api import artifacts, backup, blueprints, cluster, entries, members, slices
from aether.api.call import Handler
from aether.config.blueprint import MAX_SOURCE_BYTES
from aether.core.store.commands import MAX_VALUE_BYTES
from aether.errors import Invalid

Role = Literal["viewer", "operator", "admin"]
Method = Literal["GET", "POST", "PUT", "DELETE"]

SMALL_BODY_BYTES = 64 * 1024
"""Largest body of a call that needs none, or a few values."""
BLUEPRINT_BODY_BYTES = 2 * MAX_SOURCE_BYTES
"""Room for a blueprint inside JSON."""

_LIST = {
    "limit": "most items, 1 to 1000; 100 when left out",
    "cursor": "`next` of the page before",
}
_FRESH = {"consistency": "`linearizable` (default) or `stale`: what this node knows"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One call of the API. In `path`, `{name}` is one segment and `{name...}` the rest."""

    method: Method
    path: str
    name: str
    handler: Handler
    answers: str
    role: Role = "viewer"
    """Least role that may call it, once roles are checked."""
    leader_only: bool = False
    takes: str = ""
    model: type[BaseModel] | None = None
    query: Mapping[str, str] | None = None
    status: int = 200
    """Status of success."""
    body_limit: int = SMALL_BODY_BYTES
    """Largest request body, in bytes."""


def _v1(path: str) -> str:
    return f"/api/v1/{path}"


_PURGE = {"purge_data": "`true`: remove `app/{slice}/…` of its slices as well"}
_FORCE = {"force": "why a member may be removed that leaves no voter to spare"}
_SOURCE = {"source": "name of the text in messages"}
_TOML = "the blueprint as TOML, or JSON `{toml}`"
_GUARD = {"mod_revision": "only if the key was last changed at this revision; 0: only if absent"}
_PUSH = {
    "filename": "name of the wheel; header `x-filename` does as well",
    "digest": "`sha256:…` the bytes must have; header `digest` does as well",
}

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET", path="/health/live", name="health.live", handler=cluster.live,
        answers="`status`: live",
    ),
    Endpoint(
        method="GET", path="/health/ready", name="health.ready", handler=cluster.ready,
        answers="`status`: ready; else 503 with `reasons`",
    ),
    Endpoint(
        method="GET", path=_v1("status"), name="status.get", handler=cluster.get_status,
        answers="what this node knows of the cluster; needs no quorum",
    ),
    Endpoint(
        method="GET", path=_v1("nodes"), name="node.list", handler=cluster.list_nodes,
        answers="nodes with verdict, addresses and load", query={**_LIST, **_FRESH},
    ),
    Endpoint(
        method="GET", path=_v1("nodes/{id}"), name="node.get", handler=cluster.get_node,
        answers="one node and the instances it hosts", query=_FRESH,
    ),
    Endpoint(
        method="GET", path=_v1("cluster/members"), name="member.list",
        handler=members.list_members,
        answers="members of the consensus group, and how many voters may fail; needs no quorum",
    ),
    Endpoint(
        method="GET", path=_v1("cluster/members/{id}"), name="member.get",
        handler=members.get_member, answers="what one member says of itself",
    ),
    Endpoint(
        method="POST", path=_v1("cluster/members/{id}/promote"), name="member.promote",
        handler=members.promote, answers="`changed`: a learner that has caught up votes now",
        role="admin", leader_only=True,
    ),
    Endpoint(
        method="DELETE", path=_v1("cluster/members/{id}"), name="member.remove",
        handler=members.remove, answers="`before` and `after`: how many voters may fail",
        role="admin", leader_only=True, query=_FORCE,
    ),
    Endpoint(
        method="POST", path=_v1("cluster/leader"), name="leader.transfer",
        handler=members.transfer, answers="`leader`: who leads now", role="admin",
        leader_only=True, takes="nothing, or JSON `{node}`", model=members.Transfer,
    ),
    Endpoint(
        method="GET", path=_v1("backup"), name="backup.take", handler=backup.get_backup,
        answers="one file with everything the store holds, streamed; see the guide",
        role="admin",
    ),
    Endpoint(
        method="GET", path=_v1("blueprints"), name="blueprint.list",
        handler=blueprints.list_blueprints, answers="blueprints with their state",
        query={**_LIST, **_FRESH},
    ),
    Endpoint(
        method="POST", path=_v1("blueprints"), name="blueprint.apply", handler=blueprints.apply,
        answers="`changed`, `revision`, `summary`", role="operator", leader_only=True, takes=_TOML,
        model=blueprints.BlueprintText, query=_SOURCE, body_limit=BLUEPRINT_BODY_BYTES,
    ),
    Endpoint(
        method="POST", path=_v1("blueprints/validate"), name="blueprint.validate",
        handler=blueprints.validate, answers="`valid`, or 422 with all `problems`", takes=_TOML,
        model=blueprints.BlueprintText, query={**_SOURCE, **_FRESH},
        body_limit=BLUEPRINT_BODY_BYTES,
    ),
    Endpoint(
        method="GET", path=_v1("blueprints/{id}"), name="blueprint.get",
        handler=blueprints.get_blueprint, answers="the blueprint as applied", query=_FRESH,
    ),
    Endpoint(
        method="DELETE", path=_v1("blueprints/{id}"), name="blueprint.delete",
        handler=blueprints.delete, answers="`changed`, `revision`, `summary`", role="operator",
        leader_only=True, query=_PURGE,
    ),
    Endpoint(
        method="GET", path=_v1("blueprints/{id}/status"), name="blueprint.status",
        handler=blueprints.get_status, query=_FRESH,
        answers="`state` (DEPLOYED, DEPLOYING, FAILED, REMOVING), slices, instances, reasons",
    ),
    Endpoint(
        method="GET", path=_v1("slices"), name="slice.list", handler=slices.list_slices,
        answers="slices with wanted and active instances", query={**_LIST, **_FRESH},
    ),
    Endpoint(
        method="GET", path=_v1("slices/{base}"), name="slice.get", handler=slices.get_slice,
        answers="one slice and each of its instances", query=_FRESH,
    ),
    Endpoint(
        method="POST", path=_v1("slices/{base}/scale"), name="slice.scale", handler=slices.scale,
        answers="`changed`, `revision`, `summary`", role="operator", leader_only=True,
        takes="JSON `{instances}`", model=slices.Scale,
    ),
    Endpoint(
        method="GET", path=_v1("routes"), name="route.list", handler=cluster.list_routes,
        answers="HTTP routes with their slice", query={**_LIST, **_FRESH},
    ),
    Endpoint(
        method="GET", path=_v1("artifacts"), name="artifact.list",
        handler=artifacts.list_artifacts, answers="artifacts the cluster holds",
        query={**_LIST, **_FRESH},
    ),
    Endpoint(
        method="POST", path=_v1("artifacts"), name="artifact.push", handler=artifacts.push,
        answers="the artifact's record; 200 when the cluster had this very wheel",
        role="operator", takes="the wheel's bytes", query=_PUSH, status=201,
        body_limit=artifacts.MAX_WHEEL_BYTES,
    ),
    Endpoint(
        method="GET", path=_v1("kv"), name="kv.range", handler=entries.list_range,
        answers="keys and values, as of one `revision`",
        query={"prefix": "keys that start so; all when left out", **_LIST, **_FRESH},
    ),
    Endpoint(
        method="GET", path=_v1("kv/{key...}"), name="kv.get", handler=entries.get,
        answers="one key", query=_FRESH,
    ),
    Endpoint(
        method="PUT", path=_v1("kv/{key...}"), name="kv.put", handler=entries.put,
        answers="`revision`", role="operator", takes="the value's bytes", query=_GUARD,
        body_limit=MAX_VALUE_BYTES,
    ),
    Endpoint(
        method="DELETE", path=_v1("kv/{key...}"), name="kv.delete", handler=entries.delete,
        answers="`revision`, `deleted`", role="operator", query=_GUARD,
    ),
)  # fmt: skip
"""Every call, grouped by noun."""


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
    for endpoint in ENDPOINTS:
        params = _match(endpoint.path, path)
        if params is None:
            continue
        if endpoint.method == wanted:
            return Found(endpoint, params)
        allowed.add(endpoint.method)
    return OtherMethods(tuple(sorted(allowed))) if allowed else None


def _match(template: str, path: str) -> Mapping[str, str] | None:
    """Return the parameters of `path` when it fits the template."""
    params: dict[str, str] = {}
    parts, given = template.split("/"), path.split("/")
    for position, part in enumerate(parts):
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
    return params if len(parts) == len(given) else None


def _decoded(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError as problem:
        raise Invalid(f"{text[:100]!r} in the path is not UTF-8") from problem
