"""Blueprints in a line: the smallest text around what a test is about."""

import pytest

from aether.config.blueprint import read_blueprint
from aether.core.model.records import SliceSpec
from aether.errors import BlueprintInvalid


def slice_text(lines: str, rest: str = "") -> str:
    """Blueprint `a:b` with one slice `a:c`, these lines in its table."""
    return f'id = "a:b:1.0.0"\n[[slices]]\nartifact = "a:c:1.0.0"\n{lines}\n{rest}'


def read(lines: str, rest: str = "") -> SliceSpec:
    """The one slice of `slice_text`."""
    (spec,) = read_blueprint(slice_text(lines, rest), "b.toml").slices
    return spec


def problems_of(text: str) -> list[str]:
    with pytest.raises(BlueprintInvalid) as caught:
        read_blueprint(text, "b.toml")
    return caught.value.problems
