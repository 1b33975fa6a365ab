"""A blueprint as the operator writes it: read, checked as a whole, and turned into slices.

All problems of a text are found in one go, each with its line.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from aether.config.crosscheck import MAX_INSTANCES, Problem, cross_problems, shown
from aether.config.duration import parse_duration
from aether.config.guess import did_you_mean
from aether.config.places import Path, find_places, path_text, place_of
from aether.config.toml import load_toml
from aether.core.model.ids import Artifact
from aether.core.model.records import SliceSpec
from aether.errors import BlueprintInvalid, TooLarge

MAX_SOURCE_BYTES = 256 * 1024
"""Largest blueprint text; it is stored beside what it was expanded to, in one value of 1 MiB."""
MAX_SLICES = 500
"""Most slices of a blueprint; one transaction guards them all and holds 512 guards."""
MAX_TIMEOUT_S = 3600.0
"""Longest time-out of a route."""
DEFAULT_MAX_INSTANCES = 100
"""Upper bound of a slice that names none and starts with fewer."""

PLANNED: Mapping[Path, frozenset[str]] = {
    (): frozenset({"deployment", "secrets"}),
    ("slices",): frozenset(
        {
            "min_available", "group", "isolation", "limits", "load_balancing", "affinity_key",
            "placement",
        }
    ),
}  # fmt: skip
"""Keys of the format that this version cannot honour: refused, never ignored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlueprintDraft:
    """A blueprint whose text is in order; whether the cluster can run it is admission's question."""

    id: Artifact
    slices: tuple[SliceSpec, ...]
    source: str
    """The text itself."""
    name: str
    """What messages call the text."""

    def locate(self, sentence: str) -> str:
        """Put the place of the slice that `sentence` names first before it, if it names one."""
        mentions = [
            (found.start(), position)
            for position, spec in enumerate(self.slices)
            if (
                found := re.search(rf"(?<![\w.:-]){re.escape(spec.artifact.base)}\b(?!-)", sentence)
            )
        ]
        if not mentions:
            return sentence
        path: Path = ("slices", min(mentions)[1], "artifact")
        line, column = place_of(find_places(self.source), path)
        return f"{self.name}:{line}:{column}: {path_text(path)}: {sentence}"


def _artifact(text: str) -> str:
    return Artifact(text)


def _timeout(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f'{shown(value)} is not a length of time: write "5s" or seconds')  # noqa: TRY004 - pydantic collects ValueErrors
    seconds = parse_duration(value)
    if seconds > MAX_TIMEOUT_S:
        raise ValueError(f"{shown(value)} is longer than the limit of {MAX_TIMEOUT_S:g} s")
    return seconds


class SliceModel(BaseModel):
    """One `[[slices]]` table."""

    model_config = ConfigDict(extra="forbid", strict=True)

    artifact: Annotated[str, AfterValidator(_artifact)] = Field(
        description="what to run: `group:name:version` of a pushed artifact"
    )
    instances: int = Field(
        default=1, ge=1, le=MAX_INSTANCES, description="instances wanted when first applied"
    )
    min_instances: int = Field(
        default=1, ge=1, le=MAX_INSTANCES, description="scaling never goes below this"
    )
    max_instances: int | None = Field(
        default=None,
        ge=1,
        le=MAX_INSTANCES,
        description="scaling never goes above this; "
        f"{DEFAULT_MAX_INSTANCES}, or `instances` when that is more",
    )
    timeout: Annotated[float, BeforeValidator(_timeout)] | None = Field(
        default=None,
        description='time-out of every route of the slice: `"500ms"`, `"5s"` or seconds; '
        "the route's own when left out",
    )


class BlueprintModel(BaseModel):
    """The whole document."""

    model_config = ConfigDict(extra="forbid", strict=True)

    id: Annotated[str, AfterValidator(_artifact)] = Field(
        description="coordinates of the blueprint: `group:name:version`"
    )
    slices: list[SliceModel] = Field(
        min_length=1, max_length=MAX_SLICES, description="what to run, one table a slice"
    )
    config: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        description='settings by slice: `[config."group:name"]`; handed to the slice as they are',
    )


def read_blueprint(text: str, source: str) -> BlueprintDraft:
    """Read a blueprint; `source` names the text in messages.

    Raises BlueprintInvalid with every problem found, ConfigInvalid when the text is not TOML, and
    TooLarge beyond MAX_SOURCE_BYTES.
    """
    size = len(text.encode())
    if size > MAX_SOURCE_BYTES:
        raise TooLarge(f"{source}: a blueprint of {size} bytes; the limit is {MAX_SOURCE_BYTES}")
    values = load_toml(text, source)
    problems = list(cross_problems(values))
    try:
        model = BlueprintModel.model_validate(values)
    except ValidationError as found:
        problems += [_translate(error["loc"], error) for error in found.errors()]
        raise _invalid(text, source, problems) from found
    if problems:
        raise _invalid(text, source, problems)
    return BlueprintDraft(id=Artifact(model.id), slices=_specs(model), source=text, name=source)


def _specs(model: BlueprintModel) -> tuple[SliceSpec, ...]:
    return tuple(
        SliceSpec(
            artifact=Artifact(slice_.artifact),
            instances=slice_.instances,
            min_instances=slice_.min_instances,
            max_instances=slice_.max_instances or max(DEFAULT_MAX_INSTANCES, slice_.instances),
            timeout_s=slice_.timeout,
            config=model.config.get(Artifact(slice_.artifact).base, {}),
        )
        for slice_ in model.slices
    )


def _invalid(text: str, source: str, problems: list[Problem]) -> BlueprintInvalid:
    places = find_places(text)
    placed = sorted({(place_of(places, path), path_text(path), what) for path, what in problems})
    return BlueprintInvalid(
        [f"{source}:{line}:{column}: {path}: {what}" for (line, column), path, what in placed]
    )


def _translate(location: tuple[int | str, ...], error: Mapping[str, Any]) -> Problem:
    path: Path = tuple(location)
    match error["type"]:
        case "extra_forbidden":
            return path, _unknown_key(path)
        case "missing":
            return path, "is required"
        case "value_error":
            return path, str(error["ctx"]["error"])
        case _:
            return (
                path,
                f"{_lower_first(error['msg']).removeprefix('input ')}, got {shown(error['input'])}",
            )


def _unknown_key(path: Path) -> str:
    key = str(path[-1])
    family: Path = tuple(part for part in path[:-1] if isinstance(part, str))
    if key in PLANNED.get(family, frozenset()):
        return "is not available in this version of Aether; remove it"
    model = SliceModel if family == ("slices",) else BlueprintModel
    return f"unknown key{did_you_mean(key, model.model_fields)}"


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]
