"""The call monitoring systems make: everything this node tells, as text."""

from aether.api.call import Answer, Call, Context
from aether.api.endpoint import Endpoint
from aether.api.nodes import verdict_of
from aether.api.views import read_view
from aether.core.model.records import Verdict
from aether.core.store.commands import Consistency
from aether.errors import Unavailable


async def get_metrics(context: Context, call: Call) -> Answer:
    """Answer with this node's series, and the cluster's when it leads; of a second ago at most.

    OpenMetrics when `Accept` asks for it, else the older text of Prometheus; packed with gzip on request.
    """
    if context.exposition is None:
        raise Unavailable(
            "this node tells no metrics: metrics.enabled is false in its configuration"
        )
    pack = "gzip" in call.headers.get("accept-encoding", "")
    made = await context.exposition.scrape(call.headers.get("accept", ""), pack=pack)
    headers = {"content-type": made.content_type, "vary": "accept, accept-encoding"}
    if pack:
        headers["content-encoding"] = "gzip"
    return Answer(value=None, text=made.body, headers=headers)


async def get_targets(context: Context, call: Call) -> Answer:  # noqa: ARG001 - a handler's signature
    """Answer with the nodes to be scraped, as Prometheus asks for them (`http_sd_configs`).

    Each has its id as the label `instance`. Nodes that are gone for good are left out; those that are silent
    are not: that they cannot be scraped is to be seen.
    """
    view = await read_view(context.store, Consistency.STALE)
    cluster = "" if view.cluster is None else view.cluster.cluster_id
    targets = [
        {
            "targets": [view.nodes[node].management],
            "labels": {"instance": node, "cluster": cluster},
        }
        for node in sorted(view.nodes)
        if verdict_of(view, node) != Verdict.DECOMMISSIONED
    ]
    return Answer(value=targets)


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET", path="/metrics", name="metrics.scrape", handler=get_metrics,
        answers="text: the series of the [reference](metrics.md)",
    ),
    Endpoint(
        method="GET", path="/metrics/targets", name="metrics.targets", handler=get_targets,
        answers="a list of `{targets, labels}`, one for each node",
    ),
)  # fmt: skip
