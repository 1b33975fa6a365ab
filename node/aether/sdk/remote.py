"""Typed clients of other slices: a protocol marked with `@remote` becomes a proxy."""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, get_type_hints

from aether.sdk.routes import CALL, CallMark
from aether.sdk.values import ValueProblem, decode_msgpack, encode_msgpack

REMOTE = "__aether_remote__"
DEFAULT_TIMEOUT_S = 10.0

_Interface = TypeVar("_Interface", bound=type)


class CallError(Exception):
    """Base of what calling another slice raises; names the slice and the method."""

    def __init__(self, slice_base: str, method: str, message: str) -> None:
        super().__init__(f"{slice_base}.{method}: {message}")
        self.slice = slice_base
        self.method = method
        self.message = message


class CallFailed(CallError):
    """The other slice answered with a failure; `kind` is its type of error there."""

    def __init__(self, slice_base: str, method: str, message: str, *, kind: str = "") -> None:
        super().__init__(slice_base, method, message)
        self.kind = kind


class CallUnavailable(CallError):
    """No instance could take the call; it may be tried again later."""


class CallTimedOut(CallError):
    """Time ran out: the call may or may not have taken effect."""


@dataclass(frozen=True, slots=True)
class RemoteMark:
    """Which slice a protocol stands for, and how long a call may take."""

    slice: str
    timeout_s: float


class Caller(Protocol):
    """Carries one call to another slice; the host implements it."""

    async def call(
        self, slice_base: str, method: str, body: bytes, *, timeout_s: float, idempotent: bool
    ) -> bytes:
        """Return the msgpack result; raise a CallError."""
        ...


def remote(
    slice_base: str, *, timeout_s: float = DEFAULT_TIMEOUT_S
) -> Callable[[_Interface], _Interface]:
    """Declare a typed client of another slice, injected where a constructor asks for it.

    >>> @remote("org.example:clicks", timeout_s=0.5)
    ... class Clicks(Protocol):
    ...     async def record(self, code: str) -> int: ...
    """
    if timeout_s <= 0:
        raise ValueError(f"timeout_s={timeout_s} must be above 0")

    def attach(interface: _Interface) -> _Interface:
        setattr(interface, REMOTE, RemoteMark(slice_base, timeout_s))
        return interface

    return attach


def remote_mark(interface: object) -> RemoteMark | None:
    """Return the mark of a `@remote` protocol, None for anything else."""
    mark = getattr(interface, REMOTE, None)
    return mark if isinstance(mark, RemoteMark) else None


def proxy(interface: type, caller: Caller) -> object:
    """Return an object with the protocol's methods, each of which calls the other slice."""
    mark = remote_mark(interface)
    if mark is None:
        raise TypeError(f"{interface.__qualname__} is not marked with @remote")
    methods: dict[str, Any] = {
        name: _method(mark, name, function, caller) for name, function in _declared(interface)
    }
    if not methods:
        raise TypeError(f"{interface.__qualname__} declares no async method to call")
    return type(f"{interface.__name__}Proxy", (), methods)()


def _declared(interface: type) -> list[tuple[str, Callable[..., Any]]]:
    return [
        (name, function)
        for name, function in inspect.getmembers(interface, inspect.iscoroutinefunction)
        if not name.startswith("_")
    ]


def _method(
    mark: RemoteMark, name: str, function: Callable[..., Any], caller: Caller
) -> Callable[..., Awaitable[Any]]:
    signature = inspect.signature(function)
    result = get_type_hints(function, include_extras=True).get("return", Any)
    called = getattr(function, CALL, None)
    idempotent = isinstance(called, CallMark) and called.idempotent

    async def invoke(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - typed by the protocol
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        body = encode_msgpack(list(bound.arguments.values())[1:])  # without self
        answer = await caller.call(
            mark.slice, name, body, timeout_s=mark.timeout_s, idempotent=idempotent
        )
        try:
            return decode_msgpack(answer, result)
        except ValueProblem as problem:
            raise CallFailed(
                mark.slice, name, f"its result is not what the protocol says: {problem}"
            ) from problem

    invoke.__name__ = name
    return invoke
