"""A blueprint as the operator writes it: read, checked as a whole, and turned into slices.

All problems of a text are found in one go, each with its line. Reading is bounded: by the bytes of
the text, by what it may hold, and by the problems that are looked at and told; the text is parsed once.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

from pydantic import ValidationError

from aether.config.blueprint_mentions import Listed, put_places
from aether.config.blueprint_model import (
    DEFAULT_MAX_INSTANCES,
    TABLES,
    BlueprintTable,
    SliceTable,
)
from aether.config.blueprint_readable import Readable, find_artifacts, read_readable
from aether.config.blueprint_unkept import unkept_problems
from aether.config.crosscheck import Problem, cross_problems, cut, shown
from aether.config.places import Path, Place, path_text, place_of, places_of
from aether.config.toml import load_toml
from aether.core.control.admission import MAX_PROBLEMS
from aether.core.model.ids import Artifact
from aether.core.model.records import Placement, SliceSpec, Update
from aether.core.model.scaling import Scaling
from aether.errors import BlueprintInvalid, TooLarge

MAX_SOURCE_BYTES = 256 * 1024
"""Largest blueprint text; it is stored beside what it was expanded to, in one value of 1 MiB."""
WORK: Mapping[str, int] = {"=": 10, "[": 10, ",": 4, ".": 2, "\n": 1, "\\": 1}
"""What reading a text costs: each of these characters may begin a key, a table, an element, a line or
an escape. As measured: 100,000 take the parser, which lets nobody else run meanwhile, 50 ms."""
MAX_WORK = 100_000
MAX_PLACED = 500
"""Problems of each kind that are looked at, to tell the first in the text."""
MAX_GUESSES = 20
"""Problems that are told with a guess,"""
MAX_SEARCHED = 1_000
"""as long as no more names than this are searched for all of them together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlueprintDraft:
    """A blueprint whose text is in order; whether the cluster can run it is admission's question."""

    id: Artifact
    slices: tuple[SliceSpec, ...]
    source: str
    """The text itself."""
    name: str
    """What messages call the text."""
    places: tuple[Place, ...]
    """Where the artifact of each slice stands in the text."""

    def locate(self, sentence: str) -> str:
        """Put the place of the slice that `sentence` names first before it, if it names one."""
        return self.locate_all((sentence,))[0]

    def locate_all(self, sentences: Iterable[str]) -> tuple[str, ...]:
        """Put before each sentence the place of the slice it names first."""
        listed = {
            spec.artifact.base: Listed(position, self.places[position])
            for position, spec in enumerate(self.slices)
        }
        return tuple(put_places(self.name, sentences, listed))


@dataclass(frozen=True, slots=True)
class Flawed:
    """A text with problems, and what can be read of it all the same."""

    problems: tuple[str, ...]
    """Each with its place; beyond MAX_PROBLEMS they are counted."""
    readable: Readable


def read_blueprint(text: str, source: str) -> BlueprintDraft:
    """Read a blueprint; `source` names the text in messages.

    Raises BlueprintInvalid with every problem found, ConfigInvalid when the text is not TOML, and
    TooLarge beyond MAX_SOURCE_BYTES or MAX_WORK.
    """
    found = examine_blueprint(text, source)
    if isinstance(found, Flawed):
        raise BlueprintInvalid(list(found.problems))
    return found


def examine_blueprint(text: str, source: str) -> BlueprintDraft | Flawed:
    """Read a blueprint, or what is in order of it beside its problems.

    Raises ConfigInvalid when the text is not TOML, TooLarge beyond MAX_SOURCE_BYTES or MAX_WORK.
    """
    _refuse_large(text, source)
    values = load_toml(text, source)
    problems = list(islice(cross_problems(values), MAX_PLACED + 1))
    try:
        table = BlueprintTable.model_validate(values)
    except ValidationError as found:
        return _flawed(text, source, _listed(problems, found), values)
    if problems or any(unkept_problems(values)):
        return _flawed(text, source, _listed(problems), values)
    slices = _specs(table)
    paths: list[Path] = [("slices", position, "artifact") for position in range(len(slices))]
    places = places_of(text, values, paths)
    return BlueprintDraft(
        id=Artifact(table.id),
        slices=slices,
        source=text,
        name=source,
        places=tuple(place_of(places, path) for path in paths),
    )


def _refuse_large(text: str, source: str) -> None:
    size = len(text.encode(errors="surrogatepass"))
    if size > MAX_SOURCE_BYTES:
        raise TooLarge(f"{source}: a blueprint of {size} bytes; the limit is {MAX_SOURCE_BYTES}")
    work = sum(text.count(mark) * cost for mark, cost in WORK.items())
    if work > MAX_WORK:
        raise TooLarge(
            f"{source}: a blueprint of too many parts: {work} where {MAX_WORK} is the limit (10 for "
            "each `=` and `[`, 4 for `,`, 2 for `.`, 1 for a line): keep large data elsewhere"
        )


def _specs(blueprint: BlueprintTable) -> tuple[SliceSpec, ...]:
    return tuple(_spec(blueprint, table) for table in blueprint.slices)


def _spec(blueprint: BlueprintTable, table: SliceTable) -> SliceSpec:
    artifact = Artifact(table.artifact)
    return SliceSpec(
        artifact=artifact,
        instances=table.instances,
        min_instances=table.min_instances,
        max_instances=table.max_instances or max(DEFAULT_MAX_INSTANCES, table.instances),
        timeout_s=table.timeout,
        config=blueprint.config.get(artifact.base, {}),
        min_available=table.min_available,
        placement=Placement(spread=table.placement.spread, require=table.placement.require),
        update=_update(blueprint, table),
        on_dependency_loss=table.on_dependency_loss,
        balance=table.load_balancing,
        affinity=table.affinity_key or "",
        concurrency=table.max_in_flight or 0,
        slow_start_s=table.slow_start or 0.0,
        scaling=_scaling(table),
    )


def _scaling(table: SliceTable) -> Scaling | None:
    """Return how load changes the number of instances: only between bounds the author named."""
    named = table.model_fields_set
    least = table.min_instances if "min_instances" in named else table.instances
    most = table.max_instances if table.max_instances is not None else table.instances
    least = max(least, table.min_available or 0)
    if not table.scaling.enabled or least >= most:
        return None
    return Scaling(
        least=least,
        most=most,
        target_utilisation=table.scaling.target_utilisation,
        capacity_rps=table.scaling.capacity_rps,
    )


def _update(blueprint: BlueprintTable, table: SliceTable) -> Update:
    wanted = table.update.strategy or blueprint.deployment.strategy
    if wanted == "immediate":
        return Update(strategy="immediate")
    surge = table.update.max_surge or blueprint.deployment.max_surge
    return Update(strategy="rolling", max_surge=surge)


class _Listed(NamedTuple):
    """Problems found: those looked at, and how many more there are at least."""

    problems: list[Problem]
    more: int


def _listed(problems: Sequence[Problem], invalid: ValidationError | None = None) -> _Listed:
    """Return the problems between parts and those of single values."""
    errors = invalid.errors(include_url=False, include_context=True) if invalid else []
    translated = [_translate(error["loc"], error) for error in errors[:MAX_PLACED]]
    looked_at = [*problems[:MAX_PLACED], *translated]
    return _Listed(looked_at, len(problems) + len(errors) - len(looked_at))


def _flawed(text: str, source: str, listed: _Listed, values: Mapping[str, Any]) -> Flawed:
    """Return what tells the first MAX_PROBLEMS, in the order of the text."""
    problems, more = listed
    if not more:
        around = {
            problem.path[:end] for problem in problems for end in range(len(problem.path) + 1)
        }
        unkept = (found for found in unkept_problems(values) if found.path not in around)
        problems = [*problems, *unkept]
    artifacts = find_artifacts(values)
    places = places_of(text, values, (*(problem.path for problem in problems), *artifacts))
    ordered = sorted(
        problems,
        key=lambda problem: (place_of(places, problem.path), path_text(problem.path), problem.what),
    )
    told = [*dict.fromkeys(_told(source, ordered[:MAX_PROBLEMS], places))]
    rest = len(ordered) - MAX_PROBLEMS + more
    if rest > 0:
        told.append(f"{source}: and {'at least ' if more else ''}{rest} more problems")
    return Flawed(tuple(told), read_readable(values, artifacts, places, source))


def _told(source: str, problems: Iterable[Problem], places: Mapping[Path, Place]) -> Iterator[str]:
    """Yield each problem behind its place; the first with a guess, while searching for it is cheap."""
    searched = 0
    for number, problem in enumerate(problems):
        line, column = place_of(places, problem.path)
        searched += len(problem.known)
        is_guessed = number < MAX_GUESSES and (searched <= MAX_SEARCHED or number == 0)
        said = problem.sentence if is_guessed else problem.what
        yield f"{source}:{line}:{column}: {cut(path_text(problem.path))}: {said}"


def _translate(location: tuple[int | str, ...], error: Mapping[str, Any]) -> Problem:
    path: Path = tuple(part for part in location if part != "[key]")
    match error["type"]:
        case "extra_forbidden":
            return _unknown_key(path)
        case "missing":
            return Problem(path, "is required")
        case "value_error":
            return Problem(path, cut(str(error["ctx"]["error"])))
        case _:
            said = _lower_first(error["msg"]).removeprefix("input ")
            return Problem(path, f"{said}, got {shown(error['input'])}")


def _unknown_key(path: Path) -> Problem:
    family: Path = tuple(part for part in path[:-1] if isinstance(part, str))
    known = TABLES[family].model_fields
    return Problem(path, "unknown key", str(path[-1]), known)


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]
