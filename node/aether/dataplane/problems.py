"""Answers the router gives itself: `application/problem+json` with a stable code."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """An answer the router makes; `detail` names the value, the place and the remedy."""

    status: int
    code: str
    detail: str
    fields: Mapping[str, str] = field(default_factory=dict)
    """More members of the JSON object, as `instance` and `node`."""
    headers: Mapping[str, str] = field(default_factory=dict)


_SHOWN_PATH_CHARS = 200


def no_route(method: str, path: str) -> Problem:
    """404: no pattern fits the path."""
    return Problem(
        status=404,
        code="no_route",
        detail=f"No slice answers {method} {path[:_SHOWN_PATH_CHARS]}; `aether route list` shows the routes there are.",
    )


def method_not_allowed(method: str, path: str, allow: tuple[str, ...]) -> Problem:
    """405: patterns fit the path, none of them takes the method."""
    allowed = ", ".join(allow)
    return Problem(
        status=405,
        code="method_not_allowed",
        detail=f"{path[:_SHOWN_PATH_CHARS]} does not take {method}; it takes {allowed}.",
        headers={"allow": allowed},
    )


_CODES = {400: "bad_request", 414: "too_large", 417: "expectation_failed", 431: "too_large"}


def bad_request(detail: str, status: int = 400) -> Problem:
    """400, or a more exact status: bytes that are not a request we take."""
    return Problem(status=status, code=_CODES[status], detail=detail)


def body_too_large(limit: int) -> Problem:
    """413: the body is over the route's limit."""
    return Problem(
        status=413,
        code="too_large",
        detail=f"The request's body is over this route's limit of {limit} bytes.",
        fields={"limit": str(limit)},
    )


def rate_limited(seconds: float) -> Problem:
    """429: the route lets no more requests through for now; `seconds` until it does."""
    wait = max(1, math.ceil(seconds))
    return Problem(
        status=429,
        code="rate_limited",
        detail=f"This route takes no more requests for now; send it again in {wait} s.",
        headers={"retry-after": str(wait)},
    )


def body_too_slow(rate: float) -> Problem:
    """408: the client sends its body at a rate that holds an instance for nothing."""
    return Problem(
        status=408,
        code="timeout",
        detail=f"The request's body comes at less than {rate:g} bytes a second; send it faster.",
    )


def request_timeout(seconds: float) -> Problem:
    """408: the client stopped in the middle of its request."""
    return Problem(
        status=408,
        code="timeout",
        detail=f"The rest of the request did not come within {seconds:g} s; send it again.",
    )


def no_endpoint(base: str, why: str) -> Problem:
    """503: nobody can take the request now."""
    return Problem(
        status=503,
        code="no_endpoint",
        detail=f"No instance of {base} can take the request: {why}. Try again in a moment.",
        headers={"retry-after": "1"},
    )


def upstream_lost(instance: str, node: str, reason: str, *, is_mesh: bool) -> Problem:
    """502: an instance had the request and is gone, or answered nonsense.

    On the mesh the asking router is told, so that it may send a repeatable request elsewhere.
    """
    return Problem(
        status=502,
        code="upstream_lost",
        detail=(
            f"{instance} on {node} took the request and did not finish its answer ({reason}); "
            "whether it acted on it is unknown."
        ),
        fields={"instance": instance, "node": node},
        headers={"x-aether-refused": "lost"} if is_mesh else {},
    )


def upstream_timeout(base: str, seconds: float, instance: str, node: str) -> Problem:
    """504: no answer within the route's time."""
    where = f"{instance} on {node}" if instance else f"an instance of {base}"
    return Problem(
        status=504,
        code="timeout",
        detail=f"{where} did not answer within the route's {seconds:g} s.",
        fields={"instance": instance, "node": node} if instance else {},
    )


def refused(instance: str, node: str, *, is_busy: bool = False) -> Problem:
    """503 on the mesh: nothing was sent to the instance, another may be tried."""
    return Problem(
        status=503,
        code="no_endpoint",
        detail=f"{instance} {'takes no more requests' if is_busy else 'is not to be had'} on {node}.",
        fields={"instance": instance, "node": node},
        headers={"x-aether-refused": "busy" if is_busy else "not-here"},
    )


def unknown_node(named: str) -> Problem:
    """503 on the mesh: the router that asks is of no node of the cluster; nothing was delivered."""
    return Problem(
        status=503,
        code="no_endpoint",
        detail=f"The certificate names {named}, and this router's table has no such node.",
        headers={"x-aether-refused": "unknown-node"},
    )


def busy(base: str) -> Problem:
    """503: every instance has as many requests in flight as it takes, or is being spared."""
    return Problem(
        status=503,
        code="busy",
        detail=f"Every instance of {base} has as much to do as it takes. Try again in a moment.",
        headers={"retry-after": "1"},
    )


def out_of_retries(instance: str, node: str, reason: str) -> Problem:
    """503: the request may be sent again, and too many others were sent again already."""
    return Problem(
        status=503,
        code="retry_budget",
        detail=(
            f"{instance} on {node} did not answer ({reason}), and so many requests fail that this "
            "one is not sent again. Try again in a moment."
        ),
        fields={"instance": instance, "node": node},
        headers={"retry-after": "1"},
    )


def loop_detected(instance: str, node: str) -> Problem:
    """508: a request that came from another router would have to go to a third one."""
    return Problem(
        status=508,
        code="loop",
        detail=(
            f"The request came from another router and {instance} is on {node}: a request goes "
            "from router to router once. Look for a mesh address that leads elsewhere."
        ),
        fields={"instance": instance, "node": node},
    )


def overloaded(clients: int) -> Problem:
    """503: the router holds as many connections as it may."""
    return Problem(
        status=503,
        code="no_endpoint",
        detail=f"The router serves {clients} connections, its limit. Try again in a moment.",
        headers={"retry-after": "1"},
    )


def crowded(limit: int) -> Problem:
    """503: the client's address holds as many connections as one address may."""
    return Problem(
        status=503,
        code="overloaded",
        detail=f"This address holds {limit} connections, its limit; use fewer, and use them again.",
        headers={"retry-after": "1"},
    )


def render(problem: Problem, request_id: str, *, body_wanted: bool, close: bool) -> bytes:
    """Return the whole response; a HEAD request wants the head alone."""
    phrase = HTTPStatus(problem.status).phrase
    body = json.dumps(
        {
            "type": "about:blank",
            "title": phrase,
            "status": problem.status,
            "code": problem.code,
            "detail": problem.detail,
            "request_id": request_id,
            **problem.fields,
        }
    ).encode()
    headers = {
        "content-type": "application/problem+json",
        "content-length": str(len(body)),
        "date": formatdate(usegmt=True),
        "x-request-id": request_id,
        **problem.headers,
    }
    if "instance" in problem.fields:
        headers["x-aether-instance"] = problem.fields["instance"]
    if close:
        headers["connection"] = "close"
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"HTTP/1.1 {problem.status} {phrase}\r\n{lines}\r\n".encode("latin-1")
    return head + body if body_wanted else head


def render_health(health: Mapping[str, object], request_id: str, *, body_wanted: bool) -> bytes:
    """Return the answer to who asks how the router is."""
    body = json.dumps(health).encode()
    head = (
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\nx-request-id: {request_id}\r\n\r\n"
    ).encode("ascii")
    return head + body if body_wanted else head
