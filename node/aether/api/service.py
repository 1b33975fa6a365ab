"""The management API without sockets: a request in, a response out, whatever happens."""

import secrets
import time
from dataclasses import replace

import msgspec
import structlog

from aether.api.call import ACTOR, FORWARDED, Answer, Call, Context
from aether.api.call_counts import CallCounts
from aether.api.endpoint import Endpoint
from aether.api.problems import (
    MethodNotAllowed,
    NoSuchCall,
    problem_response,
    unexpected_response,
)
from aether.api.query import read_query
from aether.api.routes import Found, OtherMethods, find_endpoint
from aether.api.sifting import sift
from aether.core.dataplane.trace_context import TraceParent, read_traceparent
from aether.core.model.ids import NodeId, write_id
from aether.errors import AetherError, NoQuorum, TooLarge, Unavailable
from aether.ports import ApiRequest, ApiResponse
from aether.sdk.trace import SCOPE, Scope

_log = structlog.get_logger()

REQUEST_ID = "x-request-id"
TRACEPARENT = "traceparent"


class Api:
    """Answers management calls on one node; leader-only ones on the leader, wherever it is."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._leader_link = context.link
        self.counts = CallCounts()
        """The calls this node was asked."""

    async def handle(self, request: ApiRequest) -> ApiResponse:
        """Answer one call; every error is an answer too. What is logged meanwhile names its trace."""
        parent = request.headers.get(TRACEPARENT, "").encode("latin-1", "replace")
        scope = self._scope(read_traceparent(parent))
        token = SCOPE.set(scope)
        try:
            response = await self._handle(request)
        finally:
            SCOPE.reset(token)
        return replace(response, headers={**response.headers, TRACEPARENT: scope.traceparent})

    def _scope(self, parent: TraceParent | None) -> Scope:
        trace_id = parent.trace_id if parent is not None else secrets.token_hex(16)
        return Scope(trace_id, secrets.token_hex(8))

    async def _handle(self, request: ApiRequest) -> ApiResponse:
        request_id, began = sane_request_id(request.headers.get(REQUEST_ID)), time.monotonic()
        try:
            response = await self._answer(request, request_id)
        except AetherError as problem:
            response = problem_response(problem, request_id)
        except Exception:  # noqa: BLE001 - the supervisor of handlers: one bad call must not end the node
            _log.exception("api call failed", path=request.path, request=request_id)
            response = unexpected_response(request_id)
        taken_s = time.monotonic() - began
        self.counts.note(request.method, request.path, response.status, taken_s)
        return replace(response, headers={**response.headers, REQUEST_ID: request_id})

    async def _answer(self, request: ApiRequest, request_id: str) -> ApiResponse:
        path, _, query = request.path.partition("?")
        found = endpoint_for(request.method, path)
        endpoint = found.endpoint
        if len(request.body) > endpoint.body_limit:
            raise body_too_large(endpoint, len(request.body))
        call = Call(
            rule=f"api.{endpoint.name}",
            request_id=request_id,
            params=found.params,
            query=read_query(query, endpoint),
            headers=request.headers,
            body=request.body,
            actor=request.actor or ACTOR,
        )
        if endpoint.leader_only and self._other_leader(request) is not None:
            await sift(endpoint, self._context, call)
            leader = self._other_leader(request)  # it may have changed meanwhile
            if leader is not None:
                return await self._forward(leader, request, request_id)
        return _respond(await endpoint.handler(self._context, call))

    def _other_leader(self, request: ApiRequest) -> NodeId | None:
        """Return the node to forward to, None when this one leads; raise when there is no way."""
        leader = self._context.store.leader
        if leader is None:
            raise NoQuorum("no leader is known; only the leader can do this")
        if leader == self._context.node:
            return None
        if FORWARDED in request.headers:
            raise Unavailable(
                f"{request.headers[FORWARDED]} took {self._context.node} for the leader, "
                f"which is {leader}; leadership has just moved"
            )
        return leader

    async def _forward(self, leader: NodeId, request: ApiRequest, request_id: str) -> ApiResponse:
        headers = {**request.headers, FORWARDED: self._context.node, REQUEST_ID: request_id}
        scope = SCOPE.get()
        if scope is not None:
            headers[TRACEPARENT] = scope.traceparent
        return await self._leader_link.forward(leader, replace(request, headers=headers))


def endpoint_for(method: str, path: str) -> Found:
    """Return who answers; raise NoSuchCall or MethodNotAllowed."""
    match find_endpoint(method, path):
        case Found() as found:
            return found
        case OtherMethods(allowed):
            raise MethodNotAllowed(
                f"{method[:20]} is not possible on {path[:200]}; possible: {', '.join(allowed)}",
                fields={"allow": ", ".join(allowed)},
            )
        case None:
            raise NoSuchCall(f"there is no call {path[:200]!r} in the management API")


def body_too_large(endpoint: Endpoint, size: int) -> TooLarge:
    """Return the error for a body of `size` bytes, or more."""
    return TooLarge(
        f"a body of {size} bytes; {endpoint.method} {endpoint.path} takes {endpoint.body_limit}",
        fields={"limit": endpoint.body_limit},
    )


def sane_request_id(text: str | None) -> str:
    """Return the caller's request id when it is 1 to 128 visible ASCII characters, or a new one."""
    if text and len(text) <= 128 and all("!" <= character <= "~" for character in text):
        return text
    return secrets.token_hex(8)


def _respond(answer: Answer) -> ApiResponse:
    if answer.stream is not None:
        headers = {"content-type": answer.stream_type, "cache-control": "no-store"}
        return ApiResponse(status=answer.status, headers=headers, stream=answer.stream)
    if answer.text is not None:
        return ApiResponse(status=answer.status, headers=answer.headers, body=answer.text)
    return ApiResponse(
        status=answer.status,
        headers={"content-type": "application/json"},
        body=msgspec.json.encode(answer.value, enc_hook=write_id),
    )
