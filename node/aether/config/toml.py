"""The only door to the TOML parser: text in, plain values out, mistakes with their place."""

from typing import Any

import tomli

from aether.errors import ConfigInvalid

MAX_DEPTH = 32
"""Deepest nesting of tables and arrays: whoever walks the values may recurse without fear."""


def load_toml(text: str, source: str) -> dict[str, Any]:
    """Return the document's values; raise ConfigInvalid with `source:line:column: message`."""
    try:
        values = tomli.loads(text)
    except tomli.TOMLDecodeError as problem:
        raise ConfigInvalid(
            [f"{source}:{problem.lineno}:{problem.colno}: not TOML: {problem.msg}"]
        ) from problem
    except RecursionError as problem:
        raise ConfigInvalid([_too_deep(source)]) from problem
    except ValueError as problem:  # a number with more digits than Python converts
        raise ConfigInvalid([f"{source}:1:1: not TOML that can be read: {problem}"]) from problem
    if _depth_exceeds(values, MAX_DEPTH):
        raise ConfigInvalid([_too_deep(source)])
    return values


def _too_deep(source: str) -> str:
    return f"{source}:1:1: tables and arrays are nested deeper than {MAX_DEPTH} levels"


def _depth_exceeds(values: dict[str, Any], limit: int) -> bool:
    level: list[Any] = [values]
    for _ in range(limit):
        level = [
            item
            for value in level
            for item in (value.values() if isinstance(value, dict) else value)
            if isinstance(item, dict | list)
        ]
        if not level:
            return False
    return True
