"""Calls about blueprints: validate, apply, list, look, delete."""

from typing import Any

from aether.api import blueprint_history
from aether.api.blueprint_texts import (
    BLUEPRINT_BODY_BYTES,
    BlueprintText,
    change_in_turn,
    decide_deletion,
    decide_draft,
    read_draft,
)
from aether.api.call import Answer, Call, Context
from aether.api.endpoint import FRESH, LIST, PAST, Endpoint, v1
from aether.api.paging import page
from aether.api.plans import PLAN
from aether.api.sifting import sift_blueprint
from aether.api.views import look, read_view, rejection
from aether.core.control.admission import Rejected
from aether.core.control.status import BlueprintStatus, blueprint_status
from aether.core.model.ids import SliceBase
from aether.core.model.records import to_plain
from aether.core.model.view import ClusterView
from aether.errors import NotFound


async def validate(context: Context, call: Call) -> Answer:
    """Say whether the blueprint could be applied now; nothing is changed."""
    draft = await read_draft(context, call)
    view = await read_view(context.store, call.consistency)
    decision = decide_draft(context, call, draft)(view)
    if isinstance(decision, Rejected):
        raise rejection(decision)
    return Answer(value={"valid": True, "id": draft.id, "summary": decision.summary})


async def apply(context: Context, call: Call) -> Answer:
    """Make the blueprint what is wanted; the rest is the leader's work."""
    draft = await read_draft(context, call)
    change = await change_in_turn(context, call, decide_draft(context, call, draft))
    return Answer(value={"id": draft.id, **to_plain(change)})


async def list_blueprints(context: Context, call: Call) -> Answer:
    """Answer with every blueprint and how it is doing, those being removed included."""
    view = await look(context, call)
    bases = {*view.blueprints, *(target.owner for target in view.targets.values())}
    statuses = ((str(base), found) for base in bases if (found := blueprint_status(view, base)))
    return Answer(value=page(statuses, call.query.get("cursor"), call.limit, _summary))


def _summary(status: BlueprintStatus) -> dict[str, Any]:
    return {
        "id": status.id,
        "generation": status.generation,
        "state": status.state,
        "slices": len(status.slices),
        "wanted": sum(slice_.wanted for slice_ in status.slices),
        "active": sum(slice_.active for slice_ in status.slices),
    }


def _no_blueprint(view: ClusterView, base: SliceBase) -> NotFound:
    known = ", ".join(sorted(view.blueprints)) or "there is none"
    return NotFound(f"there is no blueprint {base}; known: {known}")


async def get_blueprint(context: Context, call: Call) -> Answer:
    """Answer with the blueprint as applied, its text included."""
    base = call.slice_base("id")
    view = await look(context, call)
    record = view.blueprints.get(base)
    if record is None:
        raise _no_blueprint(view, base)
    return Answer(value=to_plain(record))


async def get_status(context: Context, call: Call) -> Answer:
    """Answer with how the blueprint, each slice and each instance is doing."""
    base = call.slice_base("id")
    view = await look(context, call)
    status = blueprint_status(view, base)
    if status is None:
        raise _no_blueprint(view, base)
    return Answer(value=to_plain(status))


async def delete(context: Context, call: Call) -> Answer:
    """Want the blueprint gone; its instances are removed by the leader, dependents first."""
    base = call.slice_base("id")
    purge = call.flag("purge_data")
    decide = decide_deletion(context, base, purge_data=purge)
    change = await change_in_turn(context, call, decide)
    return Answer(value={"id": base, **to_plain(change)})


PURGE = {"purge_data": "`true`: remove `app/{slice}/…` of its slices as well"}
SOURCE = {"source": "name of the text in messages"}
TOML = "the blueprint as TOML, or JSON `{toml}`"

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET", path=v1("blueprints"), name="blueprint.list",
        handler=list_blueprints, answers="blueprints with their state",
        query={**LIST, **FRESH, **PAST},
    ),
    Endpoint(
        method="POST", path=v1("blueprints"), name="blueprint.apply", handler=apply,
        answers="`changed`, `revision`, `summary`", role="operator", leader_only=True,
        sift=sift_blueprint, takes=TOML, model=BlueprintText, query={**SOURCE, **PLAN},
        body_limit=BLUEPRINT_BODY_BYTES,
    ),
    Endpoint(
        method="POST", path=v1("blueprints/validate"), name="blueprint.validate",
        handler=validate, answers="`valid`, or 422 with all `problems`", takes=TOML,
        model=BlueprintText, query={**SOURCE, **FRESH},
        body_limit=BLUEPRINT_BODY_BYTES,
    ),
    Endpoint(
        method="GET", path=v1("blueprints/{id}"), name="blueprint.get",
        handler=get_blueprint, answers="the blueprint as applied",
        query={**FRESH, **PAST},
    ),
    Endpoint(
        method="DELETE", path=v1("blueprints/{id}"), name="blueprint.delete",
        handler=delete, answers="`changed`, `revision`, `summary`", role="operator",
        leader_only=True, query={**PURGE, **PLAN},
    ),
    Endpoint(
        method="GET", path=v1("blueprints/{id}/status"), name="blueprint.status",
        handler=get_status, query={**FRESH, **PAST},
        answers="`state` (DEPLOYED, DEPLOYING, FAILED, REMOVING), slices, instances, reasons",
    ),
    *blueprint_history.ENDPOINTS,
)  # fmt: skip
