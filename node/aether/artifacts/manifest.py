"""`[tool.aether.slice]` of a project becomes the manifest of its wheel."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aether.config.toml import load_toml
from aether.core.model.ids import Artifact, parse_slice_base
from aether.core.model.records import MAX_THREADS, Dependency, Kind, Manifest
from aether.errors import ConfigInvalid

MANIFEST_NAME = "aether.json"
_KEYS = frozenset({"id", "entry", "app", "interface", "prefix", "threads", "dependencies"})
_INTERFACES: Mapping[object, Kind] = {"asgi": "asgi", "wsgi": "wsgi"}
_DEPENDENCY_KEYS = frozenset({"slice", "required"})
_ENTRY = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)+")
MAX_DEPENDENCIES = 64
_SAMPLE = 'id = "org.example:links"\nentry = "links:Links"'


def read_project(project_dir: Path) -> Manifest:
    """Return the manifest of a project; raise ConfigInvalid with all its problems."""
    source = project_dir / "pyproject.toml"
    try:
        text = source.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise ConfigInvalid([f"{source}: cannot be read: {problem}"]) from problem
    return manifest_of(load_toml(text, str(source)), str(source))


def manifest_of(document: Mapping[str, Any], source: str) -> Manifest:
    """Read the values of a pyproject.toml; raise ConfigInvalid with all their problems."""
    reader = _Reader(source)
    project = reader.table(document, "project")
    table = reader.table(reader.table(document, "tool"), "aether")
    if not isinstance(table.get("slice"), Mapping):
        reader.problem("[tool.aether.slice]", f"is missing: a slice needs at least\n{_SAMPLE}")
        raise ConfigInvalid(reader.problems)
    manifest = _read(reader, table["slice"], project)
    if reader.problems or manifest is None:
        raise ConfigInvalid(reader.problems)
    return manifest


class _Reader:
    """Collects every problem, each with its place."""

    def __init__(self, source: str) -> None:
        self.problems: list[str] = []
        self._source = source

    def problem(self, key: str, text: str) -> None:
        self.problems.append(f"{self._source}: {key} {text}")

    def table(self, values: Mapping[str, Any], key: str) -> Mapping[str, Any]:
        found = values.get(key, {})
        return found if isinstance(found, Mapping) else {}

    def text(self, values: Mapping[str, Any], key: str, default: str = "") -> str:
        found = values.get(key, default)
        if not isinstance(found, str):
            self.problem(key, f"must be text, not {type(found).__name__}")
            return default
        return found


def _read(reader: _Reader, table: Mapping[str, Any], project: Mapping[str, Any]) -> Manifest | None:
    for key in sorted(set(table) - _KEYS):
        reader.problem(
            key, f"is not a key of [tool.aether.slice]; those are {', '.join(sorted(_KEYS))}"
        )
    artifact = _artifact(reader, reader.text(table, "id"), project)
    kind, entry = _entry(reader, table)
    prefix = _prefix(reader, table, kind)
    threads = _threads(reader, table, kind)
    dependencies = _dependencies(reader, table.get("dependencies", []))
    if artifact is None:
        return None
    return Manifest(
        artifact=artifact,
        entry=entry,
        kind=kind,
        prefix=prefix,
        threads=threads,
        dependencies=dependencies,
    )


def _artifact(reader: _Reader, text: str, project: Mapping[str, Any]) -> Artifact | None:
    version = project.get("version")
    if not isinstance(version, str):
        reader.problem("project.version", "is missing: a slice's version is its project's")
        return None
    try:
        return Artifact.of(parse_slice_base(text), version)
    except ValueError as problem:
        reader.problem("id", f"with project.version: {problem}")
        return None


def _entry(reader: _Reader, table: Mapping[str, Any]) -> tuple[Kind, str]:
    entry, app = reader.text(table, "entry"), reader.text(table, "app")
    if bool(entry) == bool(app):
        reader.problem(
            "entry",
            "or app must be given, and only one: entry for a Slice, app for an ASGI or WSGI application",
        )
    elif not _ENTRY.fullmatch(entry or app):
        reader.problem(
            "app" if app else "entry", f"{entry or app!r} should look like package.module:attribute"
        )
    return _kind(reader, table, is_app=bool(app)), entry or app


def _kind(reader: _Reader, table: Mapping[str, Any], *, is_app: bool) -> Kind:
    """Return what is declared; an application that declares no interface shows it at import."""
    if "interface" not in table:
        return "app" if is_app else "slice"
    interface = table["interface"]
    kind = _INTERFACES.get(interface) if isinstance(interface, str) else None
    if not is_app:
        reader.problem("interface", "is for app only: a Slice has one of its own")
    elif kind is None:
        reader.problem("interface", f'{interface!r} should be "asgi" or "wsgi"')
    return kind or "slice"


def _threads(reader: _Reader, table: Mapping[str, Any], kind: Kind) -> int:
    """Return the number declared; 0 when none is."""
    threads = table.get("threads")
    if threads is None:
        return 0
    is_number = isinstance(threads, int) and not isinstance(threads, bool)
    if kind not in ("app", "wsgi"):
        reader.problem("threads", "is for WSGI applications only: the others run on one event loop")
    elif not is_number or not 1 <= threads <= MAX_THREADS:
        reader.problem("threads", f"{threads!r} should be a number from 1 to {MAX_THREADS}")
    else:
        return int(threads)
    return 0


def _prefix(reader: _Reader, table: Mapping[str, Any], kind: str) -> str:
    prefix = reader.text(table, "prefix")
    if prefix and kind == "slice":
        reader.problem("prefix", "is for app only: a Slice names whole paths in its routes")
    elif prefix and not _PREFIX.fullmatch(prefix):
        reader.problem("prefix", f"{prefix!r} should look like /shop or /shop/api")
    elif prefix.startswith("/_aether"):
        reader.problem("prefix", f"{prefix!r} is reserved for Aether itself")
    return prefix


def _dependencies(reader: _Reader, values: object) -> tuple[Dependency, ...]:
    if not isinstance(values, list) or len(values) > MAX_DEPENDENCIES:
        reader.problem("dependencies", f"must be a list of at most {MAX_DEPENDENCIES} tables")
        return ()
    found: list[Dependency] = []
    for place, value in enumerate(values):
        dependency = _dependency(reader, f"dependencies[{place}]", value)
        if dependency is not None:
            found.append(dependency)
    names = [dependency.slice for dependency in found]
    for name in sorted({name for name in names if names.count(name) > 1}):
        reader.problem("dependencies", f"name {name} more than once")
    return tuple(found)


def _dependency(reader: _Reader, place: str, value: object) -> Dependency | None:
    if not isinstance(value, Mapping) or set(value) - _DEPENDENCY_KEYS:
        reader.problem(place, 'should look like { slice = "org.example:clicks", required = true }')
        return None
    required = value.get("required", True)
    if not isinstance(required, bool):
        reader.problem(f"{place}.required", f"must be true or false, not {required!r}")
        return None
    try:
        return Dependency(slice=parse_slice_base(str(value.get("slice", ""))), required=required)
    except ValueError as problem:
        reader.problem(f"{place}.slice", str(problem))
        return None
