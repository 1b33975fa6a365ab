"""Aether hosts slices: services written in Python, spread over a cluster of machines."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aether.sdk import (
        CallError,
        CallFailed,
        CallTimedOut,
        CallUnavailable,
        Config,
        Entry,
        HttpError,
        Kv,
        KvConflict,
        KvError,
        KvInvalid,
        KvOutcomeUnknown,
        KvUnavailable,
        Request,
        Response,
        Slice,
        TraceContext,
        call,
        delete,
        get,
        patch,
        post,
        put,
        remote,
        request_id,
        span,
        trace_context,
        use_trace_context,
    )

__all__ = [
    "CallError",
    "CallFailed",
    "CallTimedOut",
    "CallUnavailable",
    "Config",
    "Entry",
    "HttpError",
    "Kv",
    "KvConflict",
    "KvError",
    "KvInvalid",
    "KvOutcomeUnknown",
    "KvUnavailable",
    "Request",
    "Response",
    "Slice",
    "TraceContext",
    "call",
    "delete",
    "get",
    "patch",
    "post",
    "put",
    "remote",
    "request_id",
    "span",
    "trace_context",
    "use_trace_context",
]


def __getattr__(name: str) -> object:
    """Load the SDK when a name of it is first used: the command line never pays for it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from aether import sdk  # noqa: PLC0415 - this is what is put off

    value = getattr(sdk, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
