"""The store process's log: one JSON object a line on standard error, as all processes write it."""

import logging
import sys

import msgspec
import structlog


def log_as_json(node: str, level: str) -> None:
    """Set up logging; records of the standard `logging` go the same way from `warning` on."""
    number = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _as_json,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(process="store", node=node)
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[_Bridge()], force=True)


class _Bridge(logging.Handler):
    """Hands records of libraries to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger().log(
            record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info
        )


def _as_json(_: object, __: str, event: structlog.typing.EventDict) -> str:
    first = {name: event.pop(name) for name in ("timestamp", "level", "event") if name in event}
    return msgspec.json.encode({**first, **event}, enc_hook=str).decode()
