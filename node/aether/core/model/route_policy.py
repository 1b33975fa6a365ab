"""What a route may ask of routers: bounds and forms of everything in a `RoutePolicy`.

The marks of `aether.sdk` keep the same bounds; these are for routes that a host says it has, whoever
wrote what runs in it.
"""

import re
from collections.abc import Iterator
from datetime import date

from msgspec.structs import asdict

from aether.core.model.ids import SliceBase
from aether.core.model.records import Route, RoutePolicy, RouteRecord, WantedRecord, from_plain

MAX_TIMEOUT_S = 3600.0
MAX_BODY_LIMIT = 2**53
"""Bytes: what JSON carries without loss; no body is as large."""
MAX_ATTEMPTS = 10
MAX_RATE = 1_000_000.0
"""Requests a second."""
MAX_BURST = 1_000_000
MAX_HOST_CHARS = 253
MAX_TOLD = 20
"""Most problems of the routes of one host that are told."""

_POLICY = frozenset(RoutePolicy.__struct_fields__)
_HOST = re.compile(
    r"(\*\.)?[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*"
)
_API_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def read_routes(values: object) -> tuple[Route, ...]:
    """Read the routes a host says it has; raise ValueError when no router could keep them."""
    routes = from_plain(values, tuple[Route, ...])
    problems = [problem for route in routes for problem in policy_problems(route)]
    if problems:
        raise ValueError("; ".join(problems[:MAX_TOLD]))
    return routes


def policy_problems(route: Route) -> list[str]:
    """List what of a route's policy no router could keep, one sentence each; empty when all is well."""
    return [f"route {route.method} {route.pattern}: {problem}" for problem in _problems(route)]


def _problems(route: Route) -> Iterator[str]:
    yield from _limits(route)
    yield from _rates(route)
    if route.host and not is_host(route.host):
        yield f'host {route.host[:80]!r} should look like "shop.example.org" or "*.example.org"'
    if route.auth not in ("", "internal"):
        yield f'auth is {route.auth[:80]!r}; it may be "" or "internal"'
    if route.api_version and not _API_VERSION.fullmatch(route.api_version):
        yield f"api_version {route.api_version[:80]!r} is not letters, digits, `.`, `_` and `-`"
    yield from _dates(route)


def route_record(base: SliceBase, route: Route, wish: WantedRecord) -> RouteRecord:
    """Return what a route of an instance asks of routers; the wish may replace its time-out."""
    policy = {name: value for name, value in asdict(route).items() if name in _POLICY}
    if wish.timeout_s is not None:
        policy["timeout_s"] = wish.timeout_s
    if policy["hedge_after_s"] >= policy["timeout_s"]:
        policy["hedge_after_s"] = 0.0  # the request is given up before a second one is sent
    return RouteRecord(slice=base, generation=wish.target_generation, **policy)


def is_host(text: str) -> bool:
    """Whether `text` is a lower-case host without port, or one with `*` for its first labels."""
    return len(text) <= MAX_HOST_CHARS and _HOST.fullmatch(text) is not None


def is_date(text: str) -> bool:
    """Whether `text` is a full date of RFC 3339: `2026-12-31`."""
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return _DATE.fullmatch(text) is not None


def _limits(route: Route) -> Iterator[str]:
    if not 0 < route.timeout_s <= MAX_TIMEOUT_S:
        yield f"timeout is {route.timeout_s:g} s; it must be above 0 and at most {MAX_TIMEOUT_S:g}"
    if not 0 <= route.body_limit <= MAX_BODY_LIMIT:
        yield f"body_limit is {route.body_limit}; it must be 0 to {MAX_BODY_LIMIT}"
    if not 1 <= route.attempts <= MAX_ATTEMPTS:
        yield f"attempts is {route.attempts}; it must be 1 to {MAX_ATTEMPTS}"
    if route.hedge_after_s == 0:
        return
    if route.method != "GET":
        yield f"hedge_after is for GET only, not for {route.method}"
    if not 0 < route.hedge_after_s < route.timeout_s:
        yield (
            f"hedge_after is {route.hedge_after_s:g} s; it must be above 0 and shorter than the "
            f"time-out of {route.timeout_s:g} s"
        )


def _rates(route: Route) -> Iterator[str]:
    if not 0 <= route.rate <= MAX_RATE:
        yield f"rate is {route.rate:g} a second; it must be 0 to {MAX_RATE:g}"
    if not 0 <= route.burst <= MAX_BURST:
        yield f"burst is {route.burst}; it must be 0 to {MAX_BURST}"
    if route.burst and not route.rate:
        yield f"burst is {route.burst} and there is no rate it could be a burst of"


def _dates(route: Route) -> Iterator[str]:
    given = {"deprecated": route.deprecated, "sunset": route.sunset}
    wrong = [name for name, text in given.items() if text and not is_date(text)]
    for name in wrong:
        yield f'{name} {given[name][:80]!r} is not a date as "2026-12-31"'
    if not wrong and route.deprecated and route.sunset and route.sunset < route.deprecated:
        yield f"sunset {route.sunset} is before deprecated {route.deprecated}"
