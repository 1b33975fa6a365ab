"""The example slices, imported from their projects and run in one process."""

import importlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aether.core.dataplane.match import Kind, Matcher, NotAllowed, parse_pattern, split_path
from aether.sdk import CallFailed, CallUnavailable, Config, HttpError, Request, Response, Slice
from aether.sdk.binding import arguments_of, bind
from aether.sdk.kv import Kv
from aether.sdk.memory import MemoryKv
from aether.sdk.routes import RouteMark
from aether.sdk.shape import RouteShape, construct, shape_of
from aether.sdk.values import encode_json, encode_msgpack

ROOT = Path(__file__).resolve().parent.parent
PROJECTS = {
    "clicks": ROOT / "examples/url_shortener/clicks",
    "links": ROOT / "examples/url_shortener/links",
    "hello_asgi": ROOT / "examples/asgi_app",
    "hello_wsgi": ROOT / "examples/wsgi_app",
}


def import_example(module: str) -> Any:  # a module's contents have no type here
    """Import a module of an example project as a host does: with its directory on the path."""
    project = str(PROJECTS[module.partition(".")[0]])
    sys.path.insert(0, project)
    try:
        return importlib.import_module(module)
    finally:
        sys.path.remove(project)


class LocalCaller:
    """Carries calls to slices in this process, over the bytes that would travel."""

    def __init__(self, slices: Mapping[str, Slice]) -> None:
        self._slices = slices
        self.calls: list[tuple[str, str, bool]] = []

    async def call(
        self, slice_base: str, method: str, body: bytes, *, timeout_s: float, idempotent: bool
    ) -> bytes:
        self.calls.append((slice_base, method, idempotent))
        if slice_base not in self._slices:
            raise CallUnavailable(slice_base, method, "no instance")
        target = self._slices[slice_base]
        parameters = shape_of(type(target)).methods[method].parameters
        try:
            result = await getattr(target, method)(*arguments_of(method, parameters, body))
        except Exception as failure:
            raise CallFailed(
                slice_base, method, str(failure), kind=type(failure).__name__
            ) from failure
        return encode_msgpack(result)


class NoCaller:
    """For slices that call nobody."""

    async def call(
        self, slice_base: str, method: str, body: bytes, *, timeout_s: float, idempotent: bool
    ) -> bytes:
        raise AssertionError(f"nobody should call {slice_base}.{method}")


def make_clicks(kv: Kv | None = None) -> Any:  # its methods are known to no type checker
    kind = import_example("clicks").Clicks
    return construct(kind, shape_of(kind), Config(), kv or MemoryKv(), NoCaller())


def make_links(caller: Any, kv: Kv | None = None, **config: object) -> Slice:
    kind = import_example("links.slice").Links
    return construct(kind, shape_of(kind), Config(config), kv or MemoryKv(), caller)


class _Row:
    """A route as the matcher wants it."""

    def __init__(self, shape: RouteShape) -> None:
        mark: RouteMark = shape.mark
        self.shape, self.method, self.pattern = shape, mark.method, mark.pattern


async def ask(
    target: Slice,
    method: str,
    path: str,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Have a slice answer one request as its host would: match, bind, call, encode."""
    row = Matcher(_Row(shape) for shape in shape_of(type(target)).routes).find(method, path)
    assert row is not None, f"no route for {method} {path}"
    assert not isinstance(row, NotAllowed), f"{path} takes {row.allow}"
    pieces = zip(parse_pattern(row.pattern), split_path(path), strict=True)
    params = {part.text: piece for part, piece in pieces if part.kind is Kind.PARAMETER}
    request = Request(method, path, headers=headers or {"host": "example.org"}, params=params)
    try:
        arguments = bind(row.shape.parameters, request, params, body)
        result = await getattr(target, row.shape.handler)(**arguments)
    except HttpError as error:
        return Response.json(error.problem(), status=error.status)
    return result if isinstance(result, Response) else Response(encode_json(result))
