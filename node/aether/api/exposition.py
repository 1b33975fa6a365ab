"""The call monitoring systems make: everything this node tells, as text."""

from aether.api.call import Answer, Call, Context
from aether.api.endpoint import Endpoint
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


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET", path="/metrics", name="metrics.scrape", handler=get_metrics,
        answers="text: the series of the [reference](metrics.md)",
    ),
)  # fmt: skip
