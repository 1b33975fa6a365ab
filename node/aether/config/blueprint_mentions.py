"""Which slice of a blueprint a sentence is about, and where that slice stands in the text."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from aether.config.places import Path, Place, path_text
from aether.core.model.ids import SliceBase

_MENTION = re.compile(r"(?<![\w.:-])[a-z][a-z0-9_.-]*:[a-z0-9]+(?:-[a-z0-9]+)*(?![a-z0-9-])")


@dataclass(frozen=True, slots=True)
class Listed:
    """Where a slice is listed: its position among the slices, line and column of its artifact."""

    position: int
    place: Place


def put_places(
    name: str, sentences: Iterable[str], slices: Mapping[SliceBase, Listed]
) -> Iterator[str]:
    """Yield each sentence behind the place of the slice it mentions first; `name` is that of the text."""
    for sentence in sentences:
        found = (slices.get(SliceBase(mention)) for mention in _MENTION.findall(sentence))
        listed = next((each for each in found if each is not None), None)
        if listed is None:
            yield sentence
            continue
        path: Path = ("slices", listed.position, "artifact")
        line, column = listed.place
        yield f"{name}:{line}:{column}: {path_text(path)}: {sentence}"
