"""Calls about forecasts of traffic: how they stand, how good they were, and data to train them on."""

from aether.api.call import Answer, Call, Context
from aether.api.endpoint import Endpoint, v1
from aether.core.model.ids import parse_slice_base
from aether.errors import Invalid, Unavailable
from aether.forecast.telling import ForecastDesk


async def show_status(context: Context, call: Call) -> Answer:  # noqa: ARG001 - a handler's signature
    """Answer with the model, what came of its batches, and each slice's forecast."""
    return Answer(value={"leader": context.node, **await desk_of(context).status()})


async def show_scorecard(context: Context, call: Call) -> Answer:  # noqa: ARG001 - as above
    """Answer with what forecasts would have saved and cost each slice."""
    return Answer(value={"leader": context.node, **desk_of(context).scorecard()})


async def show_training_data(context: Context, call: Call) -> Answer:
    """Answer with the histories this node has, as series to train on."""
    only = call.query.get("slice", "")
    if only:
        try:
            parse_slice_base(only)
        except ValueError as problem:
            raise Invalid(str(problem)) from problem
    items = await desk_of(context).training_data(only)
    return Answer(value={"node": context.node, "items": items})


def desk_of(context: Context) -> ForecastDesk:
    """Return who forecasts here; raise Unavailable on a node without."""
    if context.forecast is None:
        raise Unavailable(f"{context.node} forecasts nothing: it measures no load")
    return context.forecast


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET", path=v1("forecast/status"), name="forecast.status",
        handler=show_status, leader_only=True,
        answers="`model` with its scores, or `problem`: why scaling is reactive only; `batches` made; "
        "per slice its trust, errors relative to the last value, and the forecast itself",
    ),
    Endpoint(
        method="GET", path=v1("forecast/scorecard"), name="forecast.scorecard",
        handler=show_scorecard, leader_only=True,
        answers="per slice, since this node leads: errors, trust, and bad minutes, instance-hours and "
        "changes by the reactive rules alone and with forecasts",
    ),
    Endpoint(
        method="GET", path=v1("forecast/training-data"), name="forecast.training-data",
        handler=show_training_data, query={"slice": "only of this slice, `group:name`"},
        answers="per slice a row of a training folder's manifest, and its file in `csv`; "
        "slices of less than 180 steps are left out",
    ),
)  # fmt: skip
