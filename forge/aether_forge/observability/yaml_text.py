"""Plain values as YAML: what is written into deploy/observability, and nothing more."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

Value: TypeAlias = "str | int | float | bool | Sequence[Value] | Mapping[str, Value]"


def yaml_text(value: Value) -> str:
    """Return a mapping or a list as YAML; every text stands in double quotes."""
    return "\n".join((*_lines(value, ""), ""))


def _lines(value: Value, indent: str) -> Iterator[str]:
    match value:
        case Mapping():
            for name, inner in value.items():
                yield from _item(f"{indent}{name}:", inner, f"{indent}  ")
        case str() | int() | float():
            yield f"{indent}{json.dumps(value, ensure_ascii=False)}"
        case _:
            for inner in value:
                first, *rest = _lines(inner, f"{indent}  ")
                yield f"{indent}- {first.strip()}"
                yield from rest


def _item(head: str, value: Value, indent: str) -> Iterator[str]:
    if isinstance(value, str | int | float):
        yield f"{head} {json.dumps(value, ensure_ascii=False)}"
    elif not value:
        yield f"{head} {'{}' if isinstance(value, Mapping) else '[]'}"
    else:
        yield head
        yield from _lines(value, indent)
