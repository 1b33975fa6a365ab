"""Scenarios are read strictly: what is unknown is refused with its place."""

from pathlib import Path

import pytest

from aether_forge.sim.control.scenario import artifacts_of, read, shipped, variants

HEAD = """
title = "t"
nodes = 3
[[slices]]
slice = "shop"
copies = 2
"""
EXPECT = """
[[expect]]
by = 5
met = true
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "scenario.toml"
    path.write_text(text)
    return path


def test_a_scenario_is_read(tmp_path: Path) -> None:
    scenario = read(written(tmp_path, HEAD + EXPECT))
    assert [str(one) for one in artifacts_of(scenario)] == [
        "org.example:shop-1:1.0.0",
        "org.example:shop-2:1.0.0",
    ]
    assert scenario.settings().nodes == 3
    assert list(variants(scenario)) == [scenario]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[events]]\nat = 1\ndo = 'explode'\n", "'explode' is unknown; known are"),
        ("[[events]]\nat = 1\ndo = 'drain'\nnode = 'node-9'\n", "there is no node-9"),
        ("[[events]]\nat = 1\ndo = 'drain'\nwhom = 'node-1'\n", "unknown field `whom`"),
        ("[[events]]\nat = 'soon'\ndo = 'drain'\n", "events\\[0\\].at"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read(written(tmp_path, HEAD + EXPECT + text))


def test_a_strike_at_each_write_makes_variants(tmp_path: Path) -> None:
    event = "[[events]]\nat = 1\ndo = 'restart at a write'\neach_of = 3\n"
    played = list(variants(read(written(tmp_path, HEAD + EXPECT + event))))
    assert [one.events[0].write for one in played] == [1, 2, 3]
    assert played[2].title == "t (write 3)"


def test_every_shipped_scenario_can_be_read() -> None:
    assert [path.stem for path in shipped() if not read(path).expect] == []
