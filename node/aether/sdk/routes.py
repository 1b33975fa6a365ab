"""Marks that make a method of a slice an HTTP route or callable from other slices."""

import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, TypeVar, Unpack

from aether.sdk.route_options import Options, RouteOptions, read_options

ROUTES = "__aether_routes__"
CALL = "__aether_call__"

_Handler = TypeVar("_Handler", bound=Callable[..., Any])
_SEGMENT = re.compile(r"\{(\*?)([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteMark(Options):
    """One route of a handler."""

    method: str
    """Upper-case verb."""
    pattern: str


@dataclass(frozen=True, slots=True)
class CallMark:
    """The method is callable from other slices; `idempotent` allows a second try."""

    idempotent: bool


def pattern_parameters(pattern: str) -> tuple[str, ...]:
    """Return the parameter names of a route pattern; raise ValueError saying what is wrong.

    >>> pattern_parameters("/orders/{order}/{*rest}")
    ('order', 'rest')
    """
    if not pattern.startswith("/"):
        raise ValueError(f"route {pattern!r} must begin with a slash")
    names: list[str] = []
    segments = pattern[1:].split("/") if pattern != "/" else []
    for place, segment in enumerate(segments):
        found = _SEGMENT.fullmatch(segment)
        if found is None:
            _check_literal(pattern, segment)
            continue
        if found[1] and place != len(segments) - 1:
            raise ValueError(f"route {pattern!r}: {segment} takes the rest, so it must come last")
        if found[2] in names:
            raise ValueError(f"route {pattern!r} names {found[2]!r} twice")
        names.append(found[2])
    return tuple(names)


def pattern_shape(pattern: str) -> str:
    """Return the pattern with its parameter names blanked: equal for patterns that match alike.

    >>> pattern_shape("/orders/{order}/{*rest}")
    '/orders/{}/{*}'
    """
    return _SEGMENT.sub(r"{\1}", pattern)


def _check_literal(pattern: str, segment: str) -> None:
    if not segment:
        raise ValueError(f"route {pattern!r} has an empty segment: leave out the extra slash")
    if any(character in segment for character in "{}?#% ") or not segment.isprintable():
        raise ValueError(
            f"route {pattern!r}: segment {segment!r} must be plain text or one {{parameter}}"
        )


def _route(
    method: str, pattern: str, **options: Unpack[RouteOptions]
) -> Callable[[_Handler], _Handler]:
    pattern_parameters(pattern)

    def attach(handler: _Handler) -> _Handler:
        try:
            read = read_options(method, **options)
        except ValueError as problem:
            name = getattr(handler, "__qualname__", repr(handler))
            raise ValueError(f"{name}, route {method} {pattern}: {problem}") from problem
        mark = RouteMark(
            method=method,
            pattern=pattern,
            **{option.name: getattr(read, option.name) for option in fields(read)},
        )
        present: tuple[RouteMark, ...] = getattr(handler, ROUTES, ())
        setattr(handler, ROUTES, (*present, mark))
        return handler

    return attach


def get(pattern: str, **options: Unpack[RouteOptions]) -> Callable[[_Handler], _Handler]:
    """Answer `GET pattern` (and HEAD, without the body); options as in `RouteOptions`.

    What is wrong with an option is a ValueError when the module is imported.

    >>> @get("/x/{code}", timeout="2s", hedge_after="200ms")
    ... async def find(self, code: str) -> dict[str, str]: ...
    """
    return _route("GET", pattern, **options)


def post(pattern: str, **options: Unpack[RouteOptions]) -> Callable[[_Handler], _Handler]:
    """Answer `POST pattern`."""
    return _route("POST", pattern, **options)


def put(pattern: str, **options: Unpack[RouteOptions]) -> Callable[[_Handler], _Handler]:
    """Answer `PUT pattern`."""
    return _route("PUT", pattern, **options)


def patch(pattern: str, **options: Unpack[RouteOptions]) -> Callable[[_Handler], _Handler]:
    """Answer `PATCH pattern`."""
    return _route("PATCH", pattern, **options)


def delete(pattern: str, **options: Unpack[RouteOptions]) -> Callable[[_Handler], _Handler]:
    """Answer `DELETE pattern`."""
    return _route("DELETE", pattern, **options)


def call(*, idempotent: bool = False) -> Callable[[_Handler], _Handler]:
    """Make a method callable from other slices, and say whether calling twice does no harm.

    The same mark on a method of a `@remote` protocol lets the caller's side try again.

    >>> @call(idempotent=True)
    ... async def resolve(self, code: str) -> str | None: ...
    """

    def attach(handler: _Handler) -> _Handler:
        setattr(handler, CALL, CallMark(idempotent))
        return handler

    return attach
