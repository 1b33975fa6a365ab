"""What can be read of a blueprint that is not in order: enough to ask the cluster about it all the same."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from aether.config.blueprint_mentions import Listed, put_places
from aether.config.places import find_places, place_of
from aether.config.toml import load_toml
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


def read_readable(text: str, source: str) -> Readable:
    """Return what is in order of a blueprint; raise ConfigInvalid when it is not even TOML."""
    values, places = load_toml(text, source), find_places(text)
    found: dict[SliceBase, tuple[int, Artifact]] = {}
    for position, artifact in _listed(values):
        found.setdefault(artifact.base, (position, artifact))
    return Readable(
        id=_artifact(values.get("id")),
        artifacts=tuple(artifact for _, artifact in found.values()),
        name=source,
        slices={
            base: Listed(position, place_of(places, ("slices", position, "artifact")))
            for base, (position, _) in found.items()
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
