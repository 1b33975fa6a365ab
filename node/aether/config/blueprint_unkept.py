"""What the format has and this version does not do: refused by name once it is valid, never ignored."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from aether.config.crosscheck import Problem
from aether.config.places import Path


@dataclass(frozen=True, slots=True)
class Unkept:
    """A key, or some of its values, that cannot be kept."""

    lacks: str
    """What this version does not have."""
    values: tuple[str, ...] = ()
    """The values meant; none: whatever the key holds."""
    instead: str = "remove it"

    @property
    def sentence(self) -> str:
        """Say so, and what to do."""
        return f"is valid, but this version has no {self.lacks} yet; {self.instead}"


UNKEPT: Mapping[Path, Unkept] = {
    ("slices", "group"): Unkept("host processes that several slices share"),
    ("slices", "isolation"): Unkept(
        "hardened hosts", values=("hardened",), instead='say "standard" or remove it'
    ),
    ("slices", "limits"): Unkept("limits on memory, processors and processes"),
    ("deployment", "strategy"): Unkept(
        "roll-outs by weight",
        values=("canary", "blue_green"),
        instead='say "rolling" or "immediate"',
    ),
    ("deployment", "stages"): Unkept("roll-outs in stages"),
    ("deployment", "max_error_rate"): Unkept("judge of error rates"),
    ("deployment", "max_latency_p99"): Unkept("judge of latencies"),
    ("secrets",): Unkept("store of secrets"),
}
"""Path without positions → what is not kept there."""


def unkept_problems(values: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what of the plain values of a blueprint is not kept; wrong types are passed over."""
    for path, unkept in UNKEPT.items():
        head, key = str(path[0]), str(path[-1])
        if len(path) == 1 and head in values:
            yield Problem(path, unkept.sentence)
        if len(path) == 1:
            continue
        for here, table in _tables(head, values.get(head)):
            if key in table and (not unkept.values or table[key] in unkept.values):
                yield Problem((*here, key), unkept.sentence)


def _tables(head: str, found: object) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Yield the table, or the tables of an array, each with its path."""
    if isinstance(found, dict):
        yield (head,), found
    elif isinstance(found, list):
        for position, table in enumerate(found):
            if isinstance(table, dict):
                yield (head, position), table
