"""Calls about the cluster as a whole: health, status, routes."""

from collections import Counter

from aether.api.call import Answer, Call, Context
from aether.api.endpoint import FRESH, LIST, PAST, Endpoint, v1
from aether.api.nodes import verdict_of
from aether.api.paging import page
from aether.api.problems import NotReady
from aether.api.views import look, read_view
from aether.core.control.status import blueprint_statuses, slice_statuses
from aether.core.model import keys
from aether.core.model.records import to_plain
from aether.core.store.commands import Consistency


async def live(context: Context, call: Call) -> Answer:  # noqa: ARG001 - a handler's signature
    """Answer while the process runs."""
    return Answer(value={"status": "live"})


async def ready(context: Context, call: Call) -> Answer:  # noqa: ARG001 - a handler's signature
    """Answer 200 when the node may be sent work, else say what is missing."""
    reasons = list(context.readiness())
    if reasons:
        raise NotReady("not ready: " + "; ".join(reasons), fields={"reasons": reasons})
    return Answer(value={"status": "ready"})


async def get_status(context: Context, call: Call) -> Answer:
    """Answer with what this node knows, also while the cluster has no quorum.

    Of the past, everything but the answering node's own readiness and version.
    """
    if "at" in call.query:
        view = await look(context, call)
        leader = view.epoch.leader if view.epoch else None
    else:
        view = await read_view(context.store, Consistency.STALE)
        leader = context.store.leader
    reasons = list(context.readiness())
    slices = list(slice_statuses(view))
    blueprints = Counter(status.state for status in blueprint_statuses(view))
    return Answer(
        value={
            "cluster": view.cluster.cluster_id if view.cluster else None,
            "node": context.node,
            "version": context.version,
            "leader": leader,
            "epoch": view.epoch.epoch if view.epoch else None,
            "revision": view.revision,
            "ready": not reasons,
            "reasons": reasons,
            "nodes": Counter(verdict_of(view, node) for node in view.nodes),
            "blueprints": blueprints,
            "slices": len(slices),
            "instances": {
                "wanted": sum(found.wanted for found in slices),
                "active": sum(found.active for found in slices),
            },
            "unreadable": dict(view.unreadable),
        }
    )


async def list_routes(context: Context, call: Call) -> Answer:
    """Answer with every HTTP route and how many instances serve it."""
    view = await look(context, call)
    active = view.active_by_slice()
    return Answer(
        value=page(
            ((f"{method} {place}", (method, place)) for method, place in view.routes),
            call.query.get("cursor"),
            call.limit,
            lambda key: {
                "method": key[0],
                "pattern": keys.split_place(key[1])[1],
                **to_plain(view.routes[key]),
                "active": len(active.get(view.routes[key].slice, ())),
            },
        )
    )


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET", path="/health/live", name="health.live", handler=live,
        answers="`status`: live",
    ),
    Endpoint(
        method="GET", path="/health/ready", name="health.ready", handler=ready,
        answers="`status`: ready; else 503 with `reasons`",
    ),
    Endpoint(
        method="GET", path=v1("status"), name="status.get", handler=get_status,
        answers="what this node knows of the cluster; needs no quorum", query=PAST,
    ),
    Endpoint(
        method="GET", path=v1("routes"), name="route.list", handler=list_routes,
        answers="HTTP routes with their slice", query={**LIST, **FRESH, **PAST},
    ),
)  # fmt: skip
