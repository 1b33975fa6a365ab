"""What can be wrong between the parts of a blueprint that are each in order.

Looks at the plain values, so that these problems are found beside those of single values; parts
of the wrong type are passed over here, their own check names them.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date, time
from typing import Any, NamedTuple

from aether.config.guess import did_you_mean
from aether.config.places import Path
from aether.core.model.ids import Artifact, SliceBase, parse_slice_base

MAX_INSTANCES = 1000
"""Most instances of one slice."""
MAX_ALL_INSTANCES = 10_000
"""Most instances of all slices of a blueprint together."""

_SECRET_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


class Problem(NamedTuple):
    """Where something is wrong, and what; a guess is made only for what is told."""

    path: Path
    what: str
    unknown: str = ""
    """A name nobody knows, to be guessed among `known`."""
    known: Collection[str] = ()

    @property
    def sentence(self) -> str:
        """What is wrong, with the guess."""
        return f"{self.what}{did_you_mean(self.unknown, self.known) if self.unknown else ''}"


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
        yield from _useless_surge(("slices", position, "update"), table.get("update"))
        yield from _useless_scaling(position, table)
    yield from _too_many(table for _, table in tables)
    yield from _deployment_problems(values.get("deployment"))
    for section in ("config", "secrets"):
        if isinstance(values.get(section), dict):
            yield from _section_problems(section, values[section], owners)


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
        yield Problem(
            ("slices", position, "artifact"),
            f"{base} is in this blueprint already, as slices[{first}]: a slice is listed once",
        )


def _is_count(value: object) -> bool:
    return type(value) is int and 1 <= value <= MAX_INSTANCES


def _out_of_bounds(position: int, table: Mapping[str, Any]) -> Iterator[Problem]:
    low, wanted = table.get("min_instances", 1), table.get("instances", 1)
    high = table.get("max_instances", MAX_INSTANCES)
    if not all(map(_is_count, (low, wanted, high))):
        return
    if low > high:
        yield Problem(
            ("slices", position, "min_instances"),
            f"is {low}, which is more than max_instances {high}",
        )
    elif not low <= wanted <= high:
        key = "instances" if "instances" in table else "min_instances"
        yield Problem(
            ("slices", position, key),
            f"instances is {wanted}, which is not within min_instances {low} "
            f"and max_instances {high}",
        )
    budget = table.get("min_available")
    if _is_count(budget) and budget > wanted:
        yield Problem(
            ("slices", position, "min_available"),
            f"is {budget}, which is more than instances {wanted}",
        )


def _too_many(tables: Iterable[Mapping[str, Any]]) -> Iterator[Problem]:
    counts = [table.get("instances", 1) for table in tables]
    total = sum(count for count in counts if _is_count(count))
    if total > MAX_ALL_INSTANCES:
        yield Problem(
            ("slices",), f"{total} instances in all; a blueprint has {MAX_ALL_INSTANCES} at most"
        )


def _useless_surge(path: Path, update: object) -> Iterator[Problem]:
    if isinstance(update, dict) and "max_surge" in update and update.get("strategy") == "immediate":
        yield Problem(
            (*path, "max_surge"),
            "bounds a rolling update, and the strategy is immediate: remove one of them",
        )


def _useless_scaling(position: int, table: Mapping[str, Any]) -> Iterator[Problem]:
    scaling = table.get("scaling")
    if not isinstance(scaling, dict) or scaling.get("enabled", True) is not True:
        return
    if "min_instances" not in table and "max_instances" not in table:
        yield Problem(
            ("slices", position, "scaling"),
            "has no room: name max_instances or min_instances, which it never leaves, or say "
            "enabled = false",
        )


def _deployment_problems(deployment: object) -> Iterator[Problem]:
    if not isinstance(deployment, dict):
        return
    yield from _useless_surge(("deployment",), deployment)
    stages = deployment.get("stages")
    if not isinstance(stages, list) or not stages:
        return
    if deployment.get("strategy", "rolling") != "canary":
        yield Problem(("deployment", "stages"), 'are the stages of strategy = "canary" only')
    before = 0
    for position, stage in enumerate(stages):
        weight = stage.get("weight") if isinstance(stage, dict) else None
        if type(weight) is not int:
            continue
        if weight <= before:
            yield Problem(
                ("deployment", "stages", position, "weight"),
                f"is {shown(weight)} after {shown(before)}: weights rise from stage to stage",
            )
        before = weight


def _section_problems(
    section: str, named: Mapping[str, Any], owners: Mapping[SliceBase, int]
) -> Iterator[Problem]:
    for name, settings in named.items():
        path: Path = (section, name)
        try:
            base = parse_slice_base(name)
        except ValueError as problem:
            yield Problem(path, cut(str(problem)))
            continue
        if base not in owners:
            yield Problem(path, f"{name} is not a slice of this blueprint", name, owners)
        if not isinstance(settings, dict):
            continue
        if section == "config":
            yield from _not_json(path, settings)
        else:
            yield from _secret_names(path, settings)


def _secret_names(path: Path, secrets: Mapping[str, Any]) -> Iterator[Problem]:
    for name in secrets:
        if not _SECRET_NAME.fullmatch(name):
            yield Problem(
                (*path, name), "is not a name for a secret: letters, digits and _, as in API_KEY"
            )


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
            what = f"{value} is a date or time: settings are JSON; write it as a string"
            yield Problem(path, what)
        case float() if value - value != 0:
            yield Problem(path, f"{value} is not a number that JSON knows")
        case int() if not -(2**63) <= value < 2**63:
            yield Problem(path, f"{shown(value)} does not fit in 64 bits")


def shown(value: object) -> str:
    """Return the value as it is written, cut to what fits in a sentence."""
    if isinstance(value, str | list | dict):
        value = value[:60] if isinstance(value, str) else _first_of(value)
    elif isinstance(value, int) and abs(value) >= 10**30:
        return "a number of more than 30 digits"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _first_of(value: list[Any] | dict[Any, Any]) -> object:
    """Return the beginning of a value, so that writing it costs little."""
    if isinstance(value, list):
        return [inner if not isinstance(inner, list | dict) else "…" for inner in value[:20]]
    return {key: "…" for key, _ in zip(value, range(20), strict=False)}


def cut(text: str, limit: int = 300) -> str:
    """Return a sentence at a length somebody may read."""
    return text if len(text) <= limit else f"{text[: limit - 3]}..."
