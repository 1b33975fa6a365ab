"""The scenarios that are shipped come out as they say."""

from pathlib import Path

import pytest

from aether_forge.sim.control.play import play, told
from aether_forge.sim.control.scenario import FOLDER, read, shipped, variants

STRUCK = ("drain_leader_killed", "leader_killed_in_apply")


@pytest.mark.parametrize("path", shipped(), ids=lambda path: path.stem)
def test_a_scenario_comes_out_as_it_says(path: Path) -> None:
    lines, good = told(read(path))
    assert good, "\n".join(lines)
    assert lines


@pytest.mark.parametrize("name", STRUCK)
def test_the_leader_really_is_struck_in_each_variant(name: str) -> None:
    for variant in list(variants(read(FOLDER / f"{name}.toml")))[::3]:
        lines = play(variant).lines
        struck = [line for line in lines if "loses power" in line or "is killed for" in line]
        assert len(struck) == 1, variant.title
        assert sum("begins epoch" in line for line in lines) >= 2, variant.title


def test_there_are_scenarios_for_the_main_stories() -> None:
    stories = {path.stem for path in shipped()}
    assert len(stories) >= 8
    assert {"node_lost", "zone_lost", "cascade", "flapping", "full", "rolling_failing"} <= stories
    assert read(FOLDER / "large" / "two_thousand.toml").nodes == 200
