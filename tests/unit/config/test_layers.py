from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from aether.config.layers import Layers, variable


@dataclass
class Inner:
    size: int = 1


@dataclass
class Outer:
    names: tuple[str, ...] = ()
    marks: Mapping[str, str] = field(default_factory=dict)
    fast: bool = False
    rate: float = 1.0
    place: Path = Path()
    title: str = "x"
    inner: Inner = field(default_factory=Inner)
    made: str = ""


def _layers() -> Layers:
    return Layers(Outer, sections=("inner",), computed=("made",))


def test_text_is_read_as_the_type_of_the_setting() -> None:
    layers = _layers()
    layers.add_environment(
        {
            "AETHER_NAMES": "a, b",
            "AETHER_MARKS": "zone=a,disk=s=d",
            "AETHER_FAST": "Yes",
            "AETHER_RATE": "2",
            "AETHER_PLACE": "/x",
            "AETHER_TITLE": "7",
            "AETHER_INNER__SIZE": "4",
        }
    )
    assert layers.problems == []
    assert layers.section("") == {
        "names": ("a", "b"),
        "marks": {"zone": "a", "disk": "s=d"},
        "fast": True,
        "rate": 2.0,
        "place": Path("/x"),
        "title": "7",
    }
    assert layers.section("inner") == {"size": 4}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("names", [1]), ("marks", "a"), ("marks", "=b"), ("marks", {"a": 1}), ("fast", "maybe"),
        ("fast", 1), ("rate", True), ("rate", "x"), ("inner.size", 1.5), ("inner.size", True),
        ("title", 7), ("title", ""), ("place", "a\0b"),
    ],
)  # fmt: skip
def test_what_does_not_fit_spoils_the_setting(name: str, value: object) -> None:
    layers = _layers()
    layers.add_flags({name: value})
    assert len(layers.problems) == 1
    assert layers.problems[0].startswith(f"--{name.replace('.', '-')}: {name}: ")
    assert layers.is_spoiled(name)


def test_computed_fields_and_sections_are_not_settings() -> None:
    layers = _layers()
    layers.add_flags({"made": "x", "inner": 3})
    assert layers.problems[0].startswith("--made: made: unknown setting")
    assert layers.problems[1] == "--inner: inner: is a section: write [inner]"


def test_a_variable_for_each_setting() -> None:
    assert variable("control.period_s") == "AETHER_CONTROL__PERIOD_S"
