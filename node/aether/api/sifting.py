"""Hopeless calls are refused by the node that took them: what is thrown at a cluster must not pile up on its leader.

The leader looks at every call again: sifting spares it work and never decides.
"""

from aether.api.blueprint_texts import decide_draft, read_draft
from aether.api.call import Call, Context
from aether.api.endpoint import Endpoint
from aether.api.views import read_view, rejection
from aether.core.control.admission import Admitted, Rejected
from aether.core.store.commands import Consistency


async def sift(endpoint: Endpoint, context: Context, call: Call) -> None:
    """Raise what the leader would answer this call with, as far as this node can tell."""
    if endpoint.sift is not None:
        await endpoint.sift(context, call)
    elif endpoint.model is not None and call.body:
        call.json(endpoint.model)


async def sift_blueprint(context: Context, call: Call) -> None:
    """Raise what is wrong with the text, or what the cluster refuses of it: as fresh as the leader sees it."""
    draft = await read_draft(context, call)
    decide = decide_draft(context, call, draft)
    if isinstance(decide(await read_view(context.store, Consistency.STALE)), Admitted):
        return
    decision = decide(await read_view(context.store, Consistency.LINEARIZABLE))
    if isinstance(decision, Rejected):
        raise rejection(decision)
