"""Calls about the leader's scaling: how it stands, by which settings, and what it has decided."""

import asyncio

from aether.api.call import Answer, Call, Context, Scaler
from aether.api.endpoint import Endpoint, v1
from aether.core.model.ids import SliceBase, parse_slice_base
from aether.errors import Invalid, NotFound, Unavailable


async def show_status(context: Context, call: Call) -> Answer:  # noqa: ARG001 - a handler's signature
    """Answer with each slice as the leader looked at it last, and with what load asks of the nodes."""
    return Answer(value={"leader": context.node, **scaler_of(context).status()})


async def show_config(context: Context, call: Call) -> Answer:
    """Answer with the settings by which slices are scaled, and where each comes from."""
    base = _slice_of(call)
    found = scaler_of(context).config(base)
    if base is not None and not found:
        raise NotFound(f"there is no slice {base}: aether slice list names those there are")
    return Answer(value={"slices": found})


async def list_decisions(context: Context, call: Call) -> Answer:
    """Answer with the last decisions, each made again from what it was made from."""
    decisions = scaler_of(context).decisions
    found = await asyncio.to_thread(decisions, _slice_of(call), call.limit)
    return Answer(value={"leader": context.node, "items": found})


def scaler_of(context: Context) -> Scaler:
    """Return who scales here; raise Unavailable on a node without."""
    if context.scaling is None:
        raise Unavailable(f"{context.node} scales nothing: it measures no load")
    return context.scaling


def _slice_of(call: Call) -> SliceBase | None:
    text = call.query.get("slice", "")
    if not text:
        return None
    try:
        return parse_slice_base(text)
    except ValueError as problem:
        raise Invalid(str(problem)) from problem


_SLICE = {"slice": "only of this slice, `group:name`"}

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET", path=v1("controller/status"), name="controller.status",
        handler=show_status, leader_only=True,
        answers="`slices` as they were looked at last: load, bounds, what holds them, what was decided and "
        "why; and `nodes`: what load asks of their number",
    ),
    Endpoint(
        method="GET", path=v1("controller/config"), name="controller.config",
        handler=show_config, leader_only=True, query=_SLICE,
        answers="per slice its bounds and the settings of scaling in force, with their origin",
    ),
    Endpoint(
        method="GET", path=v1("controller/decisions"), name="controller.decisions",
        handler=list_decisions, leader_only=True,
        query={**_SLICE, "limit": "most decisions answered, 100 when left out"},
        answers="the last of up to 1000 decisions, newest first, each with its inputs and whether these "
        "still give the same decision (`replayed`)",
    ),
)  # fmt: skip
