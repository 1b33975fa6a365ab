"""What a slice class offers and needs: its routes, its callable methods, its dependencies."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

from aether.sdk.binding import BindingError, Parameter, call_parameters_of, parameters_of
from aether.sdk.kv import Kv
from aether.sdk.remote import Caller, proxy, remote_mark
from aether.sdk.routes import CALL, ROUTES, CallMark, RouteMark, pattern_shape
from aether.sdk.slice import Config, Slice


@dataclass(frozen=True, slots=True)
class RouteShape:
    """One route and the method of the class that answers it."""

    mark: RouteMark
    handler: str
    parameters: tuple[Parameter, ...]


@dataclass(frozen=True, slots=True)
class MethodShape:
    """One method other slices may call."""

    mark: CallMark
    parameters: tuple[Parameter, ...]


@dataclass(frozen=True, slots=True)
class SliceShape:
    """A slice class, read once before anything is constructed."""

    routes: tuple[RouteShape, ...]
    methods: Mapping[str, MethodShape]
    needs: Mapping[str, type]
    """Constructor parameter → class to inject."""
    wants_settings: bool = False
    """Whether it has a `configure` of its own, to be called when its settings change."""

    @property
    def remotes(self) -> frozenset[str]:
        """Slices (`group:name`) the constructor asks for."""
        marks = (remote_mark(kind) for kind in self.needs.values())
        return frozenset(mark.slice for mark in marks if mark is not None)


def shape_of(kind: type[Slice]) -> SliceShape:
    """Read a slice class; raise BindingError saying what its author must change."""
    routes: list[RouteShape] = []
    methods: dict[str, MethodShape] = {}
    for name, function in inspect.getmembers(kind, inspect.isfunction):
        marks: tuple[RouteMark, ...] = getattr(function, ROUTES, ())
        called = getattr(function, CALL, None)
        if (marks or called) and not inspect.iscoroutinefunction(function):
            raise BindingError(f"{function.__qualname__} must be an async function")
        routes.extend(
            RouteShape(mark, name, parameters_of(function, mark.pattern)) for mark in marks
        )
        if isinstance(called, CallMark):
            methods[name] = MethodShape(called, call_parameters_of(function))
    routes.sort(key=lambda route: (route.mark.pattern, route.mark.method, route.mark.host))
    _refuse_twins(kind, routes)
    return SliceShape(tuple(routes), methods, _needs(kind), _wants_settings(kind))


def _wants_settings(kind: type[Slice]) -> bool:
    own: object = kind.configure
    if own is Slice.configure or hasattr(own, ROUTES) or hasattr(own, CALL):
        return False  # a handler that happens to have this name is a handler
    if not inspect.iscoroutinefunction(own):
        raise BindingError(f"{kind.__qualname__}.configure must be an async function")
    return True


def _refuse_twins(kind: type, routes: list[RouteShape]) -> None:
    seen: dict[tuple[str, str, str], str] = {}
    for route in routes:
        mark = route.mark
        key = (mark.host, mark.method, pattern_shape(mark.pattern))
        if key in seen:
            raise BindingError(
                f"{kind.__qualname__} answers {mark.method} {mark.host}{mark.pattern} twice: "
                f"in {seen[key]} and in {route.handler}"
            )
        seen[key] = route.handler


def _needs(kind: type[Slice]) -> Mapping[str, type]:
    constructor: Callable[..., Any] = kind.__init__
    if constructor is object.__init__:
        return {}
    try:
        hints = get_type_hints(constructor)
    except (NameError, TypeError) as problem:
        raise BindingError(
            f"{kind.__qualname__}.__init__: cannot read its annotations: {problem}"
        ) from problem
    needs: dict[str, type] = {}
    for name, parameter in list(inspect.signature(constructor).parameters.items())[1:]:
        wanted = hints.get(name)
        if wanted in (Kv, Config) or remote_mark(wanted) is not None:
            needs[name] = wanted  # type: ignore[assignment] # one of the three kinds just checked
        elif parameter.default is inspect.Parameter.empty:
            raise BindingError(
                f"{kind.__qualname__}.__init__ asks for {name!r}: expected the annotation Kv, Config "
                "or a protocol marked with @remote, or a default value"
            )
    return needs


def construct(
    kind: type[Slice], shape: SliceShape, config: Config, kv: Kv, caller: Caller
) -> Slice:
    """Make the slice with what its constructor asks for; `config` is there before it runs."""
    injected: dict[str, Any] = {}
    for name, wanted in shape.needs.items():
        if wanted is Kv:
            injected[name] = kv
        elif wanted is Config:
            injected[name] = config
        else:
            injected[name] = proxy(wanted, caller)
    made = kind.__new__(kind)
    made.config = config
    made.__init__(**injected)  # type: ignore[misc] # what calling the class does, after config is set
    return made
