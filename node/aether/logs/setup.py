"""Logs of a node's processes: one JSON object a line on standard error, or text for people."""

import logging
import sys
from typing import Literal

import msgspec
import structlog

from aether.logs.levels import drop_below_level, set_level
from aether.logs.taps import pass_on
from aether.logs.trace_names import add_trace

LogFormat = Literal["json", "text"]
LEVELS = ("debug", "info", "warning", "error")


def configure_logs(process: str, node: str, level: str = "info", form: LogFormat = "json") -> None:
    """Set up logging for this process; `process` and `node` stand in every line.

    Records of libraries that use the standard `logging` go the same way.
    """
    render = render_json if form == "json" else structlog.dev.ConsoleRenderer(colors=False)
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        add_trace,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        pass_on,
    ]
    structlog.configure(
        processors=[drop_below_level, *shared, render],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(process=process, node=node)
    bridge = logging.StreamHandler(sys.stderr)
    bridge.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_name_logger, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    logging.basicConfig(handlers=[bridge], force=True)
    set_level(level)


def _name_logger(
    _: object, __: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Name the logger of a record of the standard `logging`."""
    record = event.get("_record")
    if isinstance(record, logging.LogRecord):
        event["logger"] = record.name
    return event


def render_json(_: object, __: str, event: structlog.typing.EventDict) -> str:
    """Return a line; its keys in order of reading: when, how bad, what, then everything else."""
    first = {name: event.pop(name) for name in ("timestamp", "level", "event") if name in event}
    return msgspec.json.encode({**first, **event}, enc_hook=str).decode()
