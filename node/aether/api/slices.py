"""Calls about slices: list, look, scale."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from aether.api.call import Answer, Call, Context
from aether.api.endpoint import FRESH, LIST, PAST, Endpoint, v1
from aether.api.paging import page
from aether.api.plans import PLAN, submit_as_planned
from aether.api.views import look
from aether.config.crosscheck import MAX_INSTANCES
from aether.core.control.admission import admit_scale
from aether.core.control.status import SliceStatus, slice_status, slice_statuses
from aether.core.model.records import to_plain
from aether.errors import NotFound


class Scale(BaseModel):
    """How many instances are wanted from now on."""

    model_config = ConfigDict(extra="forbid", strict=True)

    instances: int = Field(ge=1, le=MAX_INSTANCES, description="instances wanted")


async def list_slices(context: Context, call: Call) -> Answer:
    """Answer with every slice and how many of its instances serve."""
    view = await look(context, call)
    statuses = ((str(found.base), found) for found in slice_statuses(view))
    return Answer(value=page(statuses, call.query.get("cursor"), call.limit, _summary))


def _summary(status: SliceStatus) -> dict[str, Any]:
    plain: dict[str, Any] = to_plain(status)
    plain["instances"] = len(status.instances)
    return plain


async def get_slice(context: Context, call: Call) -> Answer:
    """Answer with one slice and each of its instances."""
    base = call.slice_base("base")
    view = await look(context, call)
    status = slice_status(view, base)
    if status is None:
        known = ", ".join(sorted(view.targets)) or "there is none"
        raise NotFound(f"there is no slice {base}; known: {known}")
    return Answer(value=to_plain(status))


async def scale(context: Context, call: Call) -> Answer:
    """Change how many instances are wanted, within the bounds of the blueprint."""
    base = call.slice_base("base")
    wanted = call.json(Scale).instances
    change = await submit_as_planned(context, call, lambda view: admit_scale(view, base, wanted))
    return Answer(value={"base": base, "instances": wanted, **to_plain(change)})


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET", path=v1("slices"), name="slice.list", handler=list_slices,
        answers="slices with wanted and active instances", query={**LIST, **FRESH, **PAST},
    ),
    Endpoint(
        method="GET", path=v1("slices/{base}"), name="slice.get", handler=get_slice,
        answers="one slice and each of its instances", query={**FRESH, **PAST},
    ),
    Endpoint(
        method="POST", path=v1("slices/{base}/scale"), name="slice.scale", handler=scale,
        answers="`changed`, `revision`, `summary`", role="operator", leader_only=True,
        takes="JSON `{instances}`", model=Scale, query=PLAN,
    ),
)  # fmt: skip
