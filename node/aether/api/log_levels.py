"""Calls about log levels: loggers, of Aether or of slices, that log more or less than the rest."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from aether.api.alert_changes import nodes_of, read_book, submit
from aether.api.call import Answer, Call, Context
from aether.api.endpoint import FRESH, Endpoint, v1
from aether.core.alerts.showing import written
from aether.core.control.alert_admission import admit_log_level, admit_no_log_level
from aether.core.model.alert_records import LogLevelRecord
from aether.core.model.records import to_plain

MOST_S = 30 * 86_400.0


class LogLevel(BaseModel):
    """From which level on a logger logs, where, and for how long."""

    model_config = ConfigDict(extra="forbid", strict=True)

    level: str
    nodes: list[str] = Field(default_factory=list, max_length=100)
    for_s: float | None = Field(None, gt=0, le=MOST_S, description="then as before again")


async def list_levels(context: Context, call: Call) -> Answer:
    """Answer with the loggers that have a level of their own; all others go by `log.level`."""
    book = await read_book(context, call.consistency)
    return Answer(
        value={"items": [_show(name, book.log_levels[name]) for name in sorted(book.log_levels)]}
    )


async def put_level(context: Context, call: Call) -> Answer:
    """Set the level of a logger and all below it."""
    logger, body = call.params["logger"], call.json(LogLevel)
    until_ms = 0
    if body.for_s is not None:
        until_ms = int((context.wall() + body.for_s) * 1000)
    record = LogLevelRecord(level=body.level, nodes=nodes_of(body.nodes), until_ms=until_ms)
    change = await submit(context, call, lambda book: admit_log_level(book, logger, record))
    return Answer(value={**to_plain(change), "in_force": _show(logger, record)})


async def delete_level(context: Context, call: Call) -> Answer:
    """Have a logger log as all others again."""
    logger = call.params["logger"]
    change = await submit(context, call, lambda book: admit_no_log_level(book, logger))
    return Answer(value=to_plain(change))


def _show(logger: str, record: LogLevelRecord) -> dict[str, Any]:
    return {
        "logger": logger,
        "level": record.level,
        "nodes": list(record.nodes),
        "until": written(record.until_ms),
    }


_CHANGE = "`changed`, `revision`, `summary`"

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET", path=v1("log-levels"), name="log_level.list", handler=list_levels,
        answers="loggers with a level of their own", query=FRESH,
    ),
    Endpoint(
        method="PUT", path=v1("log-levels/{logger}"), name="log_level.put", handler=put_level,
        answers=f"{_CHANGE}, and what is `in_force` now", role="operator", leader_only=True,
        takes="JSON `{level, nodes, for_s}`", model=LogLevel,
    ),
    Endpoint(
        method="DELETE", path=v1("log-levels/{logger}"), name="log_level.delete",
        handler=delete_level, answers=_CHANGE, role="operator", leader_only=True,
    ),
)  # fmt: skip
