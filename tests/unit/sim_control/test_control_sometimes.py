"""Rare states: named once, and missed when they were not reached."""

from aether_forge.sim.control.sometimes import EXPECTED, missing


def test_what_was_not_reached_is_missing() -> None:
    assert missing(dict.fromkeys(EXPECTED, 1)) == []
    assert missing({}) == list(EXPECTED)
    assert len(set(EXPECTED)) == len(EXPECTED)
