"""What can be read of a blueprint with problems."""

import pytest

from aether.config.blueprint_readable import read_readable
from aether.core.model.ids import Artifact
from aether.errors import ConfigInvalid

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


def test_artifacts_keep_their_positions_and_places() -> None:
    found = read_readable(TEXT, "b.toml")
    assert found.id == Artifact("shop.demo:app:1.0.0")
    assert found.artifacts == (Artifact("shop.demo:cart:2.0.0"),)
    said = ("shop.demo:cart belongs to another", "nothing of it")
    assert found.locate_all(said) == (f"b.toml:6:1: slices[1].artifact: {said[0]}", said[1])


@pytest.mark.parametrize("text", ["", "id = 1", 'id = "x"', "slices = 3", "slices = [1, {}]"])
def test_nothing_can_be_read(text: str) -> None:
    found = read_readable(text, "b.toml")
    assert (found.id, found.artifacts) == (None, ())


def test_what_is_not_toml() -> None:
    with pytest.raises(ConfigInvalid):
        read_readable("id = ", "b.toml")
