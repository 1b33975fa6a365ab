"""The commands `sim` and `replay`."""

import click
import pytest
from click.testing import CliRunner

from aether_forge.commands import forge
from aether_forge.simulation import Seeds


def test_a_range_of_seeds_has_both_ends() -> None:
    assert Seeds().convert("3..5", None, None) == range(3, 6)
    assert Seeds().convert("7", None, None) == range(7, 8)


@pytest.mark.parametrize("text", ["5..3", "a..b", "1..", "-2..4", ""])
def test_what_is_no_range_is_refused_by_name(text: str) -> None:
    with pytest.raises(click.BadParameter, match="seed"):
        Seeds().convert(text, None, None)


def test_sim_runs_seeds_and_says_what_came_of_them() -> None:
    done = CliRunner().invoke(forge, ["sim", "--seeds", "11..12", "--nodes", "3", "--jobs", "1"])
    assert done.exit_code == 0, done.output
    assert "0 with violations" in done.output


def test_replay_tells_the_story_of_a_seed() -> None:
    done = CliRunner().invoke(forge, ["replay", "11", "--nodes", "3"])
    assert done.exit_code == 0, done.output
    assert "seed 11, 3 nodes, trace " in done.output
    assert "leads in term 1" in done.output or "earlier lines" in done.output
