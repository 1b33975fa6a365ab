"""What can be read of a blueprint that is not in order: enough to ask the cluster about it all the same."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from aether.config.blueprint_mentions import Listed, put_places
from aether.config.places import Path, Place, place_of
from aether.core.model.ids import Artifact, SliceBase


@dataclass(frozen=True, slots=True, kw_only=True)
class Readable:
    """The parts of a blueprint that are in order, whatever the rest is."""

    id: Artifact | None
    """Its name and version; None when these are not in order either."""
    artifacts: tuple[Artifact, ...]
    """One for each slice, as the text lists it first."""
    name: str
    """What messages call the text."""
    slices: Mapping[SliceBase, Listed]

    def locate_all(self, sentences: Iterable[str]) -> tuple[str, ...]:
        """Put before each sentence the place of the slice it names first."""
        return tuple(put_places(self.name, sentences, self.slices))


def find_artifacts(values: Mapping[str, Any]) -> Mapping[Path, Artifact]:
    """Return the artifacts a blueprint with these values lists, each slice once, by where they stand."""
    found: dict[SliceBase, tuple[Path, Artifact]] = {}
    for position, artifact in _listed(values):
        found.setdefault(artifact.base, (("slices", position, "artifact"), artifact))
    return dict(found.values())


def read_readable(
    values: Mapping[str, Any],
    artifacts: Mapping[Path, Artifact],
    places: Mapping[Path, Place],
    name: str,
) -> Readable:
    """Return what is in order of a blueprint with these values, artifacts and places in its text."""
    return Readable(
        id=_artifact(values.get("id")),
        artifacts=tuple(artifacts.values()),
        name=name,
        slices={
            artifact.base: Listed(int(path[1]), place_of(places, path))
            for path, artifact in artifacts.items()
        },
    )


def _listed(values: Mapping[str, Any]) -> Iterator[tuple[int, Artifact]]:
    slices = values.get("slices")
    for position, table in enumerate(slices if isinstance(slices, list) else ()):
        artifact = _artifact(table.get("artifact")) if isinstance(table, dict) else None
        if artifact is not None:
            yield position, artifact


def _artifact(value: object) -> Artifact | None:
    try:
        return Artifact(value) if isinstance(value, str) else None
    except ValueError:
        return None
