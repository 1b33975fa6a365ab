"""Trace and span ids in log lines, of Aether's own logger and of the standard library's.

Ids are looked up when a line is written, and never set for each request: most log nothing.
"""

import logging

import structlog

from aether.sdk.trace import log_ids


def add_trace(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Add `trace_id` and `span_id` to a line written while a request is handled (a structlog processor)."""
    ids = log_ids()
    if ids is not None:
        event.setdefault("trace_id", ids[0])
        event.setdefault("span_id", ids[1])
    return event


def name_traces() -> None:
    """Give every record of the standard `logging` the fields `trace_id`, `span_id` and `trace`.

    The first two are empty outside of requests. `trace` holds both as text to end a line with. A
    formatter of the author's own may use any of them.
    """
    make = logging.getLogRecordFactory()
    if getattr(make, "names_traces", False):
        return

    def named(*args: object, **kwargs: object) -> logging.LogRecord:
        record = make(*args, **kwargs)
        trace_id, span_id = log_ids() or ("", "")
        text = f" trace_id={trace_id} span_id={span_id}" if trace_id else ""
        record.__dict__.update(trace_id=trace_id, span_id=span_id, trace=text)
        return record

    named.names_traces = True  # type: ignore[attr-defined] # tells that it is ours already
    logging.setLogRecordFactory(named)
