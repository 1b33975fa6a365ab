"""What can be wrong between the parts of a blueprint that are each in order.

Looks at the plain values, so that these problems are found beside those of single values; parts
of the wrong type are passed over here, their own check names them.
"""

from collections.abc import Iterator, Mapping
from datetime import date, time
from typing import Any

from aether.config.guess import did_you_mean
from aether.config.places import Path
from aether.core.model.ids import Artifact, SliceBase, parse_slice_base

Problem = tuple[Path, str]
"""Where, and what is wrong there."""

MAX_INSTANCES = 1000
"""Most instances of one slice."""


def cross_problems(values: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong between parts that are each in order."""
    slices = values.get("slices")
    tables = [
        (position, table)
        for position, table in enumerate(slices if isinstance(slices, list) else [])
        if isinstance(table, dict)
    ]
    owners: dict[SliceBase, int] = {}
    for position, table in tables:
        yield from _repeated(owners, position, table)
        yield from _out_of_bounds(position, table)
    config = values.get("config")
    if isinstance(config, dict):
        yield from _config_problems(config, owners)


def _base_of(table: Mapping[str, Any]) -> SliceBase | None:
    try:
        return Artifact(str(table.get("artifact"))).base
    except ValueError:
        return None


def _repeated(
    owners: dict[SliceBase, int], position: int, table: Mapping[str, Any]
) -> Iterator[Problem]:
    base = _base_of(table)
    if base is None:
        return
    first = owners.setdefault(base, position)
    if first != position:
        yield (
            ("slices", position, "artifact"),
            f"{base} is in this blueprint already, as slices[{first}]: a slice is listed once",
        )


def _out_of_bounds(position: int, table: Mapping[str, Any]) -> Iterator[Problem]:
    low, wanted = table.get("min_instances", 1), table.get("instances", 1)
    high = table.get("max_instances", MAX_INSTANCES)
    if not all(type(bound) is int and 1 <= bound <= MAX_INSTANCES for bound in (low, wanted, high)):
        return
    if low > high:
        yield (
            ("slices", position, "min_instances"),
            f"is {low}, which is more than max_instances {high}",
        )
    elif not low <= wanted <= high:
        key = "instances" if "instances" in table else "min_instances"
        yield (
            ("slices", position, key),
            f"instances is {wanted}, which is not within min_instances {low} "
            f"and max_instances {high}",
        )


def _config_problems(
    config: Mapping[str, Any], owners: Mapping[SliceBase, int]
) -> Iterator[Problem]:
    for name, settings in config.items():
        path: Path = ("config", name)
        try:
            base = parse_slice_base(name)
        except ValueError as problem:
            yield path, str(problem)
            continue
        if base not in owners:
            yield path, f"{name} is not a slice of this blueprint{did_you_mean(name, owners)}"
        if isinstance(settings, dict):
            yield from _not_json(path, settings)


def _not_json(path: Path, value: object) -> Iterator[Problem]:
    """Yield settings that JSON cannot carry to the slice; TOML nests at most MAX_DEPTH deep."""
    match value:
        case dict():
            for key, inner in value.items():
                yield from _not_json((*path, key), inner)
        case list():
            for position, inner in enumerate(value):
                yield from _not_json((*path, position), inner)
        case date() | time():
            yield path, f"{value} is a date or time: settings are JSON; write it as a string"
        case float() if value - value != 0:
            yield path, f"{value} is not a number that JSON knows"
        case int() if not -(2**63) <= value < 2**63:
            yield path, f"{shown(value)} does not fit in 64 bits"


def shown(value: object) -> str:
    """Return the value as it is written, cut to what fits in a sentence."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
