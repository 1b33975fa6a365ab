"""Imports a slice and says what it offers; the only place where an author's code is first run."""

import importlib
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from aether.core.model.records import MAX_THREADS, Kind, Manifest, Route
from aether.host.interface import Interface, InterfaceWrong, interface_of
from aether.sdk import Slice
from aether.sdk.binding import BindingError
from aether.sdk.routes import RouteMark
from aether.sdk.shape import SliceShape, shape_of

MAX_TRACE_CHARS = 8_000


class EntryInvalid(Exception):
    """The artifact cannot be a slice as it is: only its author can mend that."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """An imported slice class (with its shape) or ASGI or WSGI application (without)."""

    manifest: Manifest
    entry: Any  # a class or a callable, checked by `load`
    shape: SliceShape | None
    interface: Interface | None = None
    """What an application speaks, declared or found out; None of a slice."""

    @property
    def kind(self) -> Kind:
        """What this artifact has turned out to be."""
        return self.interface or "slice"

    @property
    def routes(self) -> tuple[Route, ...]:
        """The routes this artifact answers."""
        if self.shape is None:
            return app_routes(self.manifest.prefix)
        return tuple(_route(shape.mark) for shape in self.shape.routes)

    @property
    def methods(self) -> tuple[str, ...]:
        """Names other slices may call."""
        return tuple(sorted(self.shape.methods)) if self.shape is not None else ()


def _route(mark: RouteMark) -> Route:
    return Route(
        method=mark.method,
        pattern=mark.pattern,
        timeout_s=mark.timeout_s,
        body_limit=mark.body_limit,
        host=mark.host,
        attempts=mark.attempts,
        hedge_after_s=mark.hedge_after_s,
        rate=mark.rate,
        burst=mark.burst,
        auth="internal" if mark.internal else "",
        api_version=mark.api_version,
        deprecated=mark.deprecated,
        sunset=mark.sunset,
    )


@dataclass(frozen=True, slots=True)
class LoadFailed:
    """Why an artifact could not be loaded."""

    kind: Literal["fatal", "transient"]
    message: str
    trace: str

    def to_plain(self) -> Mapping[str, str]:
        """Return the fields of a failed answer."""
        return {"kind": self.kind, "message": self.message, "trace": self.trace}


def app_routes(prefix: str) -> tuple[Route, ...]:
    """Return the two routes that hand everything below `prefix` to an application."""
    rest = Route(method="*", pattern=f"{prefix}/{{*rest}}")
    return (Route(method="*", pattern=prefix or "/"), rest)


def load(manifest: Manifest) -> Loaded | LoadFailed:
    """Import the entry and read what it offers; whatever the author's code raises is fatal."""
    try:
        return _load(manifest)
    except (EntryInvalid, InterfaceWrong) as problem:
        return LoadFailed("fatal", f"{manifest.artifact}: {problem}", "")
    except (Exception, SystemExit) as failure:  # noqa: BLE001 - an import may raise anything; the trace travels
        return LoadFailed(
            "fatal",
            f"{manifest.artifact}: importing {manifest.entry} failed: "
            f"{type(failure).__name__}: {failure}",
            trace_of(failure),
        )


def trace_of(failure: BaseException) -> str:
    """Return the trace as text, its end when it is long."""
    return "".join(traceback.format_exception(failure))[-MAX_TRACE_CHARS:]


def _load(manifest: Manifest) -> Loaded:
    module_name, colon, attribute = manifest.entry.partition(":")
    if not colon or not attribute:
        raise EntryInvalid(f"entry {manifest.entry!r} should look like package.module:attribute")
    found: Any = importlib.import_module(module_name)
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise EntryInvalid(f"entry {manifest.entry!r}: {module_name} has no {attribute!r}")
        found = getattr(found, part)
    if manifest.kind != "slice":
        return Loaded(manifest, found, None, _interface(manifest, found))
    return Loaded(manifest, found, _slice_shape(manifest, found))


def _interface(manifest: Manifest, app: object) -> Interface:
    """Return what the application speaks; raise InterfaceWrong or EntryInvalid."""
    declared = manifest.kind if manifest.kind in ("asgi", "wsgi") else None
    interface = interface_of(app, manifest.entry, declared)
    if manifest.threads and interface != "wsgi":
        raise EntryInvalid(
            f"threads = {manifest.threads} in [tool.aether.slice] is for WSGI applications only, and "
            f"{manifest.entry!r} is {interface}: leave it out"
        )
    if not 0 <= manifest.threads <= MAX_THREADS:
        raise EntryInvalid(
            f"threads = {manifest.threads} in [tool.aether.slice] should be from 1 to {MAX_THREADS}"
        )
    return interface


def _slice_shape(manifest: Manifest, found: object) -> SliceShape:
    if not isinstance(found, type) or not issubclass(found, Slice):
        raise EntryInvalid(f"entry {manifest.entry!r} is not a class derived from aether.Slice")
    try:
        shape = shape_of(found)
    except (BindingError, ValueError) as problem:
        raise EntryInvalid(str(problem)) from problem
    undeclared = shape.remotes - {dependency.slice for dependency in manifest.dependencies}
    if undeclared:
        raise EntryInvalid(
            f"{found.__qualname__} calls {', '.join(sorted(undeclared))}, which "
            "[tool.aether.slice] dependencies does not list"
        )
    return shape
