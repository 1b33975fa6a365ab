"""Calls that plan: nothing is changed, the answer is the whole rehearsal."""

from collections.abc import Callable

from aether.api.blueprint_texts import (
    BLUEPRINT_BODY_BYTES,
    BlueprintText,
    decide_deletion,
    decide_draft,
    read_draft,
)
from aether.api.blueprints import PURGE, SOURCE, TOML
from aether.api.call import Answer, Call, Context
from aether.api.endpoint import Endpoint, v1
from aether.api.plans import plan_answer
from aether.api.sifting import sift_blueprint
from aether.api.slices import Scale
from aether.api.views import read_view, rejection
from aether.core.control.admission import Admitted, Rejected, admit_scale
from aether.core.model.view import ClusterView
from aether.core.store.commands import Consistency


async def _plan(
    context: Context, decide: Callable[[ClusterView], Admitted | Rejected], **named: str
) -> Answer:
    view = await read_view(context.store, Consistency.LINEARIZABLE)
    decision = decide(view)
    if isinstance(decision, Rejected):
        raise rejection(decision)
    return Answer(value={**named, **await plan_answer(context, view, decision)})


async def plan_blueprint(context: Context, call: Call) -> Answer:
    """Say what would come of applying the blueprint."""
    draft = await read_draft(context, call)
    return await _plan(context, decide_draft(context, call, draft), id=draft.id)


async def plan_deletion(context: Context, call: Call) -> Answer:
    """Say what would come of deleting the blueprint."""
    base, purge = call.slice_base("id"), call.flag("purge_data")
    return await _plan(context, decide_deletion(context, base, purge_data=purge), id=base)


async def plan_scale(context: Context, call: Call) -> Answer:
    """Say what would come of another number of instances."""
    base, wanted = call.slice_base("base"), call.json(Scale).instances
    return await _plan(context, lambda view: admit_scale(view, base, wanted), base=base)


PLAN_ANSWERS = (
    "`digest`, `steps`, `placements`, `slices`, `dips`, `below_budget`, `duration_s`, `waiting`, "
    "`converged`"
)
"""What every plan answers."""

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="POST", path=v1("blueprints/plan"), name="blueprint.plan", handler=plan_blueprint,
        answers=PLAN_ANSWERS, leader_only=True, sift=sift_blueprint, takes=TOML, model=BlueprintText,
        query=SOURCE, body_limit=BLUEPRINT_BODY_BYTES,
    ),
    Endpoint(
        method="POST", path=v1("blueprints/{id}/delete/plan"), name="blueprint.delete.plan",
        handler=plan_deletion, answers=PLAN_ANSWERS, leader_only=True, query=PURGE,
    ),
    Endpoint(
        method="POST", path=v1("slices/{base}/scale/plan"), name="slice.scale.plan",
        handler=plan_scale, answers=PLAN_ANSWERS, leader_only=True, takes="JSON `{instances}`",
        model=Scale,
    ),
)  # fmt: skip
