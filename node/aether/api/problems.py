"""Errors as RFC 9457 problem documents: one mapping from who must act to status and advice."""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from aether.chronicle.records import NotRecorded
from aether.errors import (
    AetherError,
    Conflict,
    Invalid,
    NotFound,
    OutcomeUnknown,
    SliceFailed,
    TooLarge,
    Unavailable,
)
from aether.ports import ApiResponse

CONTENT_TYPE = "application/problem+json"


class Malformed(Invalid):
    """A body that is not even the format it should be."""

    code = "malformed"


class NoSuchCall(NotFound):
    """No endpoint has this path."""

    code = "no_such_call"


class MethodNotAllowed(Invalid):
    """The path exists, the method does not; field `allow` lists those that do."""

    code = "method_not_allowed"


class Forbidden(Conflict):
    """Nobody may do this through the API."""

    code = "forbidden"


class NotReady(Unavailable):
    """This node should not be sent work yet; field `reasons` says why."""

    code = "not_ready"


class Overloaded(Unavailable):
    """The node already works on as many calls as it takes at once."""

    code = "overloaded"


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of error is answered."""

    status: int
    title: str
    advice: str
    headers: Mapping[str, str]


def _kind(status: int, title: str, advice: str, **headers: str) -> Kind:
    return Kind(status, title, advice, headers)


_RETRY = {"retry-after": "1"}

KINDS: Mapping[type[AetherError], Kind] = {
    Malformed: _kind(400, "Malformed request", "Send the format the reference names."),
    NotRecorded: _kind(404, "Not recorded", "Name a later moment, or ask another node."),
    NotFound: _kind(404, "Not found", "Check the name; lists of its kind show what exists."),
    MethodNotAllowed: _kind(405, "Method not allowed", "Use a method of the Allow header."),
    TooLarge: _kind(413, "Too large", "Send less; the limit is named."),
    Invalid: _kind(422, "Invalid request", "Change the request; as it is it cannot succeed."),
    Forbidden: _kind(403, "Forbidden", "Use the call that owns these data."),
    Conflict: _kind(409, "Conflict", "Read the present state, then decide again."),
    Unavailable: _kind(503, "Unavailable", "Nothing was changed; try again shortly.", **_RETRY),
    OutcomeUnknown: _kind(
        504, "Outcome unknown", "Read the present state: the change may have been made."
    ),
    SliceFailed: _kind(500, "A slice failed", "See the slice's log."),
}
"""Every kind of error, most special first: the first that fits an error is how it is answered."""

UNEXPECTED = _kind(
    500, "Internal error", "Look for the request id in the node's log, and report it as a bug."
)

_RESERVED = frozenset({"type", "title", "status", "detail", "code", "instance", "advice"})


def kind_of(error: type[AetherError]) -> Kind:
    """Return how errors of this class are answered."""
    for family, kind in KINDS.items():
        if issubclass(error, family):
            return kind
    return UNEXPECTED


def problem_response(error: AetherError, request_id: str) -> ApiResponse:
    """Answer `error`; its fields stand beside the members of RFC 9457."""
    kind = kind_of(type(error))
    fields = {name: value for name, value in error.fields.items() if name not in _RESERVED}
    headers = dict(kind.headers)
    if isinstance(error, MethodNotAllowed):
        headers["allow"] = str(error.fields.get("allow", ""))
    return _respond(kind, error.code, error.message, request_id, fields, headers)


def unexpected_response(request_id: str) -> ApiResponse:
    """Answer for an error nobody foresaw: nothing of it leaves the node."""
    detail = f"an unexpected error; the node's log has it under request {request_id}"
    return _respond(UNEXPECTED, "internal", detail, request_id, {}, {})


def _respond(
    kind: Kind,
    code: str,
    detail: str,
    request_id: str,
    fields: Mapping[str, object],
    headers: Mapping[str, str],
) -> ApiResponse:
    document = {
        "type": f"urn:aether:problem:{code}",
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        "code": code,
        "instance": request_id,
        "advice": kind.advice,
        **fields,
    }
    return ApiResponse(
        status=kind.status,
        headers={"content-type": CONTENT_TYPE, **headers},
        body=msgspec.json.encode(document, enc_hook=str),
    )
