"""What can be read of a blueprint with problems."""

import pytest

from aether.config.blueprint_readable import Readable, find_artifacts, read_readable
from aether.config.places import places_of
from aether.config.toml import load_toml
from aether.core.model.ids import Artifact

TEXT = """id = "shop.demo:app:1.0.0"
colour = 1
[[slices]]
artifact = "what"
[[slices]]
artifact = "shop.demo:cart:2.0.0"
instances = "many"
[[slices]]
artifact = "shop.demo:cart:3.0.0"
"""


def read(text: str) -> Readable:
    values = load_toml(text, "b.toml")
    artifacts = find_artifacts(values)
    return read_readable(values, artifacts, places_of(text, values, artifacts), "b.toml")


def test_artifacts_keep_their_positions_and_places() -> None:
    found = read(TEXT)
    assert found.id == Artifact("shop.demo:app:1.0.0")
    assert found.artifacts == (Artifact("shop.demo:cart:2.0.0"),)
    said = ("shop.demo:cart belongs to another", "nothing of it")
    assert found.locate_all(said) == (f"b.toml:6:1: slices[1].artifact: {said[0]}", said[1])


@pytest.mark.parametrize("text", ["", "id = 1", 'id = "x"', "slices = 3", "slices = [1, {}]"])
def test_nothing_can_be_read(text: str) -> None:
    found = read(text)
    assert (found.id, found.artifacts) == (None, ())
