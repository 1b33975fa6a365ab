"""Hopeless calls are refused by the node that took them: what is thrown at a cluster must not pile up on its leader.

A refusal here is final, the leader never hears of the call. So only what a fresh look refuses is refused; what
this node cannot find out, and what a leader of another version may see otherwise, goes on to the leader.
"""

from aether.api.blueprint_texts import FRESH_S, decide_draft, read_draft
from aether.api.call import Call, Context
from aether.api.endpoint import Endpoint
from aether.api.problems import Malformed
from aether.api.views import read_view, rejection
from aether.core.control.admission import Admitted, Rejected
from aether.core.model import keys
from aether.core.model.records import NodeRecord, decode
from aether.core.store.commands import Consistency
from aether.errors import Conflict, Invalid, TooLarge, Unavailable


async def sift(endpoint: Endpoint, context: Context, call: Call) -> None:
    """Raise what the leader would answer this call with, as far as this node can tell."""
    try:
        if endpoint.sift is not None:
            await endpoint.sift(context, call)
        elif endpoint.model is not None and call.body:
            call.json(endpoint.model)
    except (Malformed, TooLarge):
        raise  # no version reads it
    except (Invalid, Conflict):
        if _is_led_by_our_version(context):
            raise


def _is_led_by_our_version(context: Context) -> bool:
    """Return whether what this node refuses the leader refuses too, as far as their versions go."""
    leader = context.store.leader
    key = "" if leader is None else keys.node(leader)
    known = context.store.level((keys.NODES,)).entries
    try:
        records = [decode(entry.value, NodeRecord) for entry in known if entry.key == key]
    except ValueError:
        return False  # a version that writes its records otherwise
    return all(record.version == context.version for record in records)


async def sift_blueprint(context: Context, call: Call) -> None:
    """Raise what is wrong with the text, or what the cluster refuses of it: as fresh as the leader sees it.

    Returns when this node is not sure within FRESH_S to know all that was written before.
    """
    draft = await read_draft(context, call)
    decide = decide_draft(context, call, draft)
    if isinstance(decide(await read_view(context.store, Consistency.STALE)), Admitted):
        return
    try:
        view = await read_view(context.store, Consistency.LINEARIZABLE, FRESH_S)
    except Unavailable:
        return
    decision = decide(view)
    if isinstance(decision, Rejected):
        raise rejection(decision)
