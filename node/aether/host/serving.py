"""The application of a slice: routes and calls straight to its methods, with nothing in between."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import structlog

from aether.core.dataplane.hosts import HostMatcher
from aether.core.dataplane.match import Kind, NotAllowed, parse_pattern, split_path
from aether.host.body import Disconnected
from aether.host.exchange import Exchange
from aether.sdk import (
    CallTimedOut,
    CallUnavailable,
    HttpError,
    KvOutcomeUnknown,
    KvUnavailable,
    Request,
    Response,
    Slice,
)
from aether.sdk.binding import Parameter, arguments_of, bind
from aether.sdk.http import JSON, PROBLEM
from aether.sdk.routes import RouteMark
from aether.sdk.shape import RouteShape, SliceShape
from aether.sdk.trace import REQUEST_HEADERS, request_id, trace_context
from aether.sdk.values import encode_json, encode_msgpack

CALL_PREFIX = b"/_aether/call/"
MSGPACK = b"application/msgpack"
_JSON_TYPE = ((b"content-type", JSON.encode()),)
_MSGPACK_TYPE = ((b"content-type", MSGPACK),)
_PROBLEM_TYPE = ((b"content-type", PROBLEM.encode()),)

_LONGEST_KEPT = 512
"""Characters of a path, and of the host it is asked of, whose route is remembered."""
_MOST_PATHS = 512
"""Paths whose route is remembered, those asked for last: most are asked for again."""

log = structlog.get_logger()


class _Route:
    """A handler bound to its slice, with what must be known before it is called."""

    __slots__ = (
        "_segments",
        "handler",
        "host",
        "mark",
        "method",
        "needs_body",
        "needs_headers",
        "parameters",
        "pattern",
    )

    def __init__(self, slice_: Slice, shape: RouteShape) -> None:
        self.mark: RouteMark = shape.mark
        self.method, self.pattern, self.host = self.mark.method, self.mark.pattern, self.mark.host
        self._segments = parse_pattern(shape.mark.pattern)
        self.handler: Callable[..., Any] = getattr(slice_, shape.handler)
        self.parameters: tuple[Parameter, ...] = shape.parameters
        self.needs_body = any(parameter.source == "body" for parameter in shape.parameters)
        self.needs_headers = any(parameter.source == "request" for parameter in shape.parameters)

    def read_path(self, path: str) -> dict[str, str]:
        """Return the path's parameters, decoded; the path matches the pattern."""
        params: dict[str, str] = {}
        pieces = split_path(path)
        for place, segment in enumerate(self._segments):
            if segment.kind is Kind.PARAMETER:
                params[segment.text] = pieces[place]
            elif segment.kind is Kind.REST:
                params[segment.text] = "/".join(pieces[place:])
        return params


class SliceApp:
    """Answers the requests of one slice."""

    def __init__(self, slice_: Slice, shape: SliceShape) -> None:
        self._slice = slice_
        self._shape = shape
        self._routes = HostMatcher(_Route(slice_, route) for route in shape.routes)
        self._find = lru_cache(_MOST_PATHS)(self._match)
        self._has_hosts = any(route.mark.host for route in shape.routes)

    async def __call__(self, exchange: Exchange) -> None:
        """Answer one exchange; whatever goes wrong in the slice becomes a problem document."""
        REQUEST_HEADERS.set(exchange.headers)
        is_call = exchange.path.startswith(CALL_PREFIX)
        try:
            if is_call:
                await self._answer_call(exchange)
            else:
                await self._answer_route(exchange)
        except Disconnected:
            raise
        except HttpError as error:
            await _refuse(exchange, error)
        except Exception as failure:
            trace = trace_context()
            log.exception(
                "handler failed",
                method=exchange.method,
                path=_text(exchange.path),
                request_id=request_id(),
                trace_id=trace.trace_id if trace else "",
            )
            if is_call:
                await _fail_call(exchange, failure)
            else:
                await _refuse(exchange, _as_error(failure))

    async def _answer_route(self, exchange: Exchange) -> None:
        path = _text(exchange.path)
        # As the router matched it: what is for one host, or internal there, must not answer another.
        host = _text(exchange.header(b"host") or b"") if self._has_hosts else ""
        find = self._find if len(path) + len(host) <= _LONGEST_KEPT else self._match
        route, known_params = find(exchange.method, path, host)
        if route is None or isinstance(route, NotAllowed):
            raise _unmatched(exchange, route)
        params = known_params.copy()
        exchange.body.limit = route.mark.body_limit
        body = await exchange.body.read() if route.needs_body else b""
        request = Request(
            exchange.method,
            path,
            query=_text(exchange.query),
            headers=_headers(exchange) if route.needs_headers else None,
            params=params,
            body=body if route.needs_body else exchange.body,
        )
        result = await route.handler(**bind(route.parameters, request, params, body))
        await _send(exchange, result)

    def _match(
        self, method: str, path: str, host: str
    ) -> tuple[_Route | NotAllowed | None, dict[str, str]]:
        """Return the route of a request, and its path's parameters."""
        route = self._routes.find(method, path, host)
        return route, route.read_path(path) if isinstance(route, _Route) else {}

    async def _answer_call(self, exchange: Exchange) -> None:
        name = _text(exchange.path[len(CALL_PREFIX) :])
        method = self._shape.methods.get(name)
        if method is None:
            raise HttpError(404, f"{type(self._slice).__name__} has no callable method {name!r}")
        if exchange.method != "POST":
            raise HttpError(405, "calls between slices are POST", headers={"allow": "POST"})
        arguments = arguments_of(name, method.parameters, await exchange.body.read())
        result = await getattr(self._slice, name)(*arguments)
        await exchange.respond(200, _MSGPACK_TYPE, encode_msgpack(result))


def _unmatched(exchange: Exchange, found: NotAllowed | None) -> HttpError:
    path = _text(exchange.path)
    if found is not None:
        allowed = ", ".join(found.allow)
        return HttpError(
            405, f"{path} answers {allowed}, not {exchange.method}", headers={"allow": allowed}
        )
    return HttpError(404, f"this slice has no route {exchange.method} {path}", code="no_route")


async def _send(exchange: Exchange, result: object) -> None:
    if result is None:
        await exchange.respond(204, ())
    elif isinstance(result, Response):
        await _send_response(exchange, result)
    else:
        await exchange.respond(200, _JSON_TYPE, encode_json(result))


async def _send_response(exchange: Exchange, response: Response) -> None:
    headers = [
        (name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers
    ]
    if isinstance(response.body, bytes):
        await exchange.respond(response.status, headers, response.body)
        return
    await exchange.start(response.status, headers)
    async for chunk in response.body:
        await exchange.write(chunk)
    await exchange.finish()


async def _refuse(exchange: Exchange, error: HttpError) -> None:
    """Answer with the problem; a body already begun can only be cut off, so that nobody trusts it."""
    if exchange.started:
        raise Disconnected("the handler failed in mid-answer")
    await exchange.refuse(error)


def _as_error(failure: Exception) -> HttpError:
    """Return what a client may know of a failure: never its text or trace."""
    match failure:
        case CallUnavailable() | KvUnavailable():
            return HttpError(
                503, "something this slice depends on is not available: try again later"
            )
        case CallTimedOut() | KvOutcomeUnknown():
            return HttpError(
                504, "something this slice depends on did not answer in time", code="timeout"
            )
        case _:
            return HttpError(500, "the slice failed; its log has the trace", code="slice_failed")


async def _fail_call(exchange: Exchange, failure: Exception) -> None:
    """Tell another slice type and message of the failure; the trace stays here."""
    if exchange.started:
        raise Disconnected("the call failed in mid-answer")
    document = HttpError(500, "the called method failed", code="slice_failed").problem()
    document["type"] = type(failure).__qualname__
    document["message"] = str(failure)
    await exchange.respond(500, _PROBLEM_TYPE, encode_json(document))


def _headers(exchange: Exchange) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in exchange.headers:
        key, text = _text(name), _text(value)
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


def _text(raw: bytes) -> str:
    return raw.decode("latin-1")
