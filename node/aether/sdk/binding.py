"""From a handler's signature to its arguments: path, then query, body and request, validated."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

from aether.sdk.http import HttpError, Request
from aether.sdk.routes import pattern_parameters
from aether.sdk.values import ValueProblem, convert, decode_json, decode_msgpack

Source = Literal["path", "query", "body", "request", "array"]
_MANY = (list, tuple, set, frozenset, Sequence)
_REQUIRED: Any = inspect.Parameter.empty  # a sentinel has no useful type


class BindingError(TypeError):
    """A handler whose signature cannot be served; the author must change it."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument of a handler and where it comes from."""

    name: str
    source: Source
    kind: Any  # an annotation may be any object
    default: Any  # or _REQUIRED
    many: bool


def parameters_of(handler: Callable[..., Any], pattern: str) -> tuple[Parameter, ...]:
    """Read a handler's signature; raise BindingError when path and signature disagree."""
    in_path = pattern_parameters(pattern)
    found = tuple(
        _parameter(handler, name, parameter, kind, in_path)
        for name, parameter, kind in _signature(handler)
    )
    missing = set(in_path) - {parameter.name for parameter in found if parameter.source == "path"}
    if missing:
        raise BindingError(
            f"{handler.__qualname__} has no parameter {', '.join(sorted(missing))} "
            f"although its route is {pattern}"
        )
    return found


def call_parameters_of(handler: Callable[..., Any]) -> tuple[Parameter, ...]:
    """Read the signature of a method other slices call; its arguments come as an array."""
    return tuple(
        Parameter(name, "array", kind, parameter.default, many=False)
        for name, parameter, kind in _signature(handler)
    )


def _signature(
    handler: Callable[..., Any],
) -> list[tuple[str, inspect.Parameter, Any]]:
    try:
        hints = get_type_hints(handler, include_extras=True)
    except (NameError, TypeError) as problem:
        raise BindingError(
            f"{handler.__qualname__}: cannot read its annotations: {problem}"
        ) from problem
    signature = inspect.signature(handler)
    return [
        (name, parameter, hints.get(name, Any))
        for name, parameter in list(signature.parameters.items())[1:]
    ]


def _parameter(
    handler: Callable[..., Any],
    name: str,
    parameter: inspect.Parameter,
    kind: Any,  # noqa: ANN401 - an annotation may be any object
    in_path: tuple[str, ...],
) -> Parameter:
    if parameter.kind in (
        parameter.VAR_POSITIONAL,
        parameter.VAR_KEYWORD,
        parameter.POSITIONAL_ONLY,
    ):
        raise BindingError(f"{handler.__qualname__}: {name!r} must be a plain named parameter")
    source: Source = "query"
    if kind is Request:
        source = "request"
    elif name in in_path:
        source = "path"
    elif name == "body":
        source = "body"
    return Parameter(name, source, kind, parameter.default, _takes_many(kind))


def _takes_many(kind: object) -> bool:
    origin = get_origin(kind)
    if kind in _MANY or origin in _MANY:
        return True
    # `list[int] | None` is as much a list as `list[int]`.
    return any(get_origin(part) in _MANY for part in get_args(kind))


def bind(
    parameters: Sequence[Parameter], request: Request, path: Mapping[str, str], body: bytes
) -> dict[str, Any]:  # arguments are of the classes their annotations name
    """Return the arguments by name; raise HttpError 422 listing every field that does not fit."""
    arguments: dict[str, Any] = {}
    problems: list[tuple[str, str]] = []
    for parameter in parameters:
        try:
            value = _value(parameter, request, path, body)
        except ValueProblem as problem:
            problems.extend(_named(parameter, problem))
        else:
            arguments[parameter.name] = value
    if problems:
        raise refused(problems)
    return arguments


def _value(parameter: Parameter, request: Request, path: Mapping[str, str], body: bytes) -> Any:  # noqa: ANN401 - of the annotated class
    match parameter.source:
        case "request":
            return request
        case "path":
            return convert(path[parameter.name], parameter.kind, from_text=True)
        case "body":
            return _body(parameter, body)
        case "query" | "array":
            return _query(parameter, request)


def _body(parameter: Parameter, body: bytes) -> Any:  # noqa: ANN401 - of the annotated class
    if parameter.kind is bytes:
        return body
    if not body:
        if parameter.default is _REQUIRED:
            raise ValueProblem([("", "the request needs a JSON body")])
        return parameter.default
    return decode_json(body, parameter.kind)


def _query(parameter: Parameter, request: Request) -> Any:  # noqa: ANN401 - of the annotated class
    values = request.query.get(parameter.name)
    if values is None:
        if parameter.default is _REQUIRED:
            raise ValueProblem([("", "this query parameter is missing")])
        return parameter.default
    return convert(values if parameter.many else values[0], parameter.kind, from_text=True)


def _named(parameter: Parameter, problem: ValueProblem) -> list[tuple[str, str]]:
    """Name fields as the client knows them: a body's by their path, others by the parameter."""
    if parameter.source == "body":
        return [(field or "body", text) for field, text in problem.problems]
    return [(parameter.name, text) for _, text in problem.problems]


def refused(problems: Sequence[tuple[str, str]]) -> HttpError:
    """Return the 422 for fields that do not fit."""
    return HttpError(
        422,
        "; ".join(f"{field}: {text}" for field, text in problems),
        errors=[{"field": field, "message": text} for field, text in problems],
    )


def arguments_of(
    name: str, parameters: Sequence[Parameter], raw: bytes
) -> list[Any]:  # arguments are of the classes their annotations name
    """Read a msgpack array as the arguments of method `name`; raise HttpError 422."""
    try:
        values = decode_msgpack(raw, list[Any])
    except ValueProblem as problem:
        raise HttpError(422, f"the arguments are not a msgpack array: {problem}") from problem
    required = sum(1 for parameter in parameters if parameter.default is _REQUIRED)
    if not required <= len(values) <= len(parameters):
        raise HttpError(
            422, f"{name} takes {required} to {len(parameters)} arguments, got {len(values)}"
        )
    arguments: list[Any] = []
    problems: list[tuple[str, str]] = []
    for value, parameter in zip(values, parameters, strict=False):
        try:
            arguments.append(convert(value, parameter.kind))
        except ValueProblem as problem:
            problems.extend((parameter.name, text) for _, text in problem.problems)
    if problems:
        raise refused(problems)
    return arguments
