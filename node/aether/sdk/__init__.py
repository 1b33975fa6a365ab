"""The front door for authors of slices: Slice, routes, calls and resources."""

from aether.sdk.http import HttpError, Request, Response
from aether.sdk.kv import (
    Entry,
    Kv,
    KvConflict,
    KvError,
    KvInvalid,
    KvOutcomeUnknown,
    KvUnavailable,
)
from aether.sdk.remote import CallError, CallFailed, CallTimedOut, CallUnavailable, remote
from aether.sdk.routes import call, delete, get, patch, post, put
from aether.sdk.slice import Config, Slice
from aether.sdk.trace import TraceContext, request_id, span, trace_context, use_trace_context

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
