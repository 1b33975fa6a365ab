"""Arguments that name things, checked before anybody is asked."""

import re
from collections.abc import Callable

import click

from aether.core.model.ids import parse_node_id, parse_slice_base

_DIGEST = re.compile(r"[0-9a-f]{64}")


class NameType(click.ParamType[str]):
    """A name in the form its parser accepts."""

    def __init__(self, name: str, parse: Callable[[str], str]) -> None:
        self.name = name
        self._parse = parse

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name as it is."""
        try:
            return self._parse(value)
        except ValueError as problem:
            self.fail(str(problem), param, ctx)


def _blueprint_base(text: str) -> str:
    if text.count(":") == 2:
        base = text.rpartition(":")[0]
        raise ValueError(f"{text!r}: name the blueprint without its version: {base}")
    try:
        return parse_slice_base(text)
    except ValueError as problem:
        raise ValueError(
            f"{text!r} is not a blueprint: expected group:name, as in org.example:shop"
        ) from problem


def _digest(text: str) -> str:
    if not _DIGEST.fullmatch(text):
        raise ValueError(
            f"{text[:80]!r} is no digest of a plan: 64 hexadecimal digits, as the plan printed them"
        )
    return text


def _given(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty: leave the option out, or name something")
    return text


NODE = NameType("node", parse_node_id)
SLICE = NameType("group:name", parse_slice_base)
BLUEPRINT = NameType("group:name", _blueprint_base)
DIGEST = NameType("digest", _digest)
GIVEN = NameType("name", _given)
"""Any text but none."""
