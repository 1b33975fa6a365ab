"""The reference of the blueprint format, written from its tables: for people, and as JSON Schema."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from aether.config.blueprint import MAX_SOURCE_BYTES, MAX_WORK
from aether.config.blueprint_model import TABLES, BlueprintTable
from aether.config.blueprint_unkept import UNKEPT
from aether.config.crosscheck import MAX_ALL_INSTANCES
from aether.config.places import Path

_ARRAYS = frozenset({("slices",), ("deployment", "stages")})


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a table, in words."""

    name: str
    shape: str
    default: str
    meaning: str


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a blueprint; keys this version does not keep say so."""
    schema = BlueprintTable.model_json_schema()
    schema["title"] = "Aether blueprint"
    tables = {table.__name__: path for path, table in TABLES.items()}
    for name, definition in [("BlueprintTable", schema), *schema["$defs"].items()]:
        for key, shape in definition["properties"].items():
            unkept = UNKEPT.get((*tables[name], key))
            if unkept is not None:
                shape["$comment"] = f"not in this version: it has no {unkept.lacks}"
    return schema


def heading(path: Path) -> str:
    """Return how the table at `path` is opened in TOML; empty for the top of the document."""
    name = ".".join(str(part) for part in path)
    if not path:
        return ""
    return f"[[{name}]]" if path in _ARRAYS else f"[{name}]"


def keys_of(path: Path) -> Iterator[Key]:
    """Yield the keys of the table at `path` that this version keeps."""
    model = TABLES[path]
    schema = model.model_json_schema(ref_template="{model}")
    for name, field in model.model_fields.items():
        unkept = UNKEPT.get((*path, name))
        if unkept is not None and not unkept.values:
            continue
        yield Key(
            name,
            _shape(schema["properties"][name]),
            _default(field),
            field.description or "",
        )


def unkept_keys() -> Iterator[Key]:
    """Yield what the format has and this version refuses: where, the values, and what is lacking."""
    for path, unkept in UNKEPT.items():
        schema = TABLES[path[:-1]].model_json_schema(ref_template="{model}")
        values = ", ".join(f'"{value}"' for value in unkept.values)
        field = TABLES[path[:-1]].model_fields[str(path[-1])]
        shape = values or _shape(schema["properties"][str(path[-1])])
        name = ".".join(str(part) for part in path)
        meaning = "" if values else field.description or ""
        yield Key(name, shape, f"no {unkept.lacks}", meaning)


def _default(field: Any) -> str:  # noqa: ANN401 - pydantic's FieldInfo
    if field.is_required():
        return "required"
    if field.default_factory is not None or field.default is None:
        return ""
    return f'"{field.default}"' if isinstance(field.default, str) else str(field.default)


def _shape(shape: Mapping[str, Any]) -> str:
    """Say a JSON schema in words."""
    real = next((one for one in shape.get("anyOf", ()) if one.get("type") != "null"), shape)
    if "$ref" in real:
        return "table"
    if "enum" in real:
        return " or ".join(f'"{value}"' for value in real["enum"])
    words = {"string": "text", "integer": "whole number", "number": "number", "object": "table"}
    kind = real["type"]
    text = "tables" if kind == "array" else words.get(str(kind), "")
    if real.get("description") in ("length of time", "amount of memory"):
        text = real["description"]
    return text + _range(real)


def _range(real: Mapping[str, Any]) -> str:
    low = real.get("minimum", real.get("minItems"))
    high = real.get("maximum", real.get("maxItems"))
    if low is None and high is None:
        return ""
    return f", {low} to {high}" if low is not None else f", at most {high}"


def reference_lines() -> Iterator[str]:
    """Yield the reference as Markdown."""
    yield "# Blueprint"
    yield ""
    yield (
        f"TOML, UTF-8, at most {MAX_SOURCE_BYTES // 1024} KiB and some {MAX_WORK // 10} keys and "
        "tables. All problems are reported together, each as `source:line:column: path: message`; "
        "unknown keys are errors with a guess. `aether blueprint schema` prints this page, with "
        "`-o json` the JSON Schema."
    )
    for path in TABLES:
        if path in UNKEPT:
            continue
        yield ""
        if path:
            yield f"## `{heading(path)}`"
            yield ""
            yield _about(TABLES[path])
            yield ""
        rows = [
            (f"`{key.name}`", key.shape, f"`{key.default}`" if key.default else "", key.meaning)
            for key in keys_of(path)
        ]
        yield from _table(("key", "type", "default", "meaning"), rows)
    yield from _rules()
    yield ""
    yield "## Not in this version"
    yield ""
    yield "Checked like all other keys, then refused by name rather than ignored:"
    yield ""
    unkept = [
        (f"`{key.name}`", key.shape, key.meaning, f"this version has {key.default}")
        for key in unkept_keys()
    ]
    yield from _table(("key", "values", "meaning", "why not"), unkept)


def _about(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").split())


def _rules() -> Iterator[str]:
    yield ""
    yield "## Rules between keys"
    yield ""
    yield "- A slice is listed once, whatever its version, and belongs to one blueprint."
    yield "- `min_instances` ≤ `instances` ≤ `max_instances`; `min_available` ≤ `instances`."
    yield f"- All slices of a blueprint together want at most {MAX_ALL_INSTANCES} instances."
    yield "- `max_surge` bounds a rolling update; beside `immediate` it is refused."
    yield (
        "- Settings below `[config]` are for slices listed here and hold what JSON can carry: no "
        "dates, no `nan` or `inf`, whole numbers of 64 bits."
    )
    yield (
        "- A slice that a listed one requires (`dependencies` of its artifact, directly or through "
        "others), that is not listed and runs in no other blueprint, is added: the highest version "
        "pushed, pre-releases only when there is nothing else, one instance, defaults for the rest. "
        "A slice the blueprint runs already keeps its version. What is optional is not added."
    )


def _table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    names = list(headings)
    yield f"| {' | '.join(names)} |"
    yield f"|{'---|' * len(names)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
