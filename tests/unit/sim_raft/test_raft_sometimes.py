"""Rare states that were not reached are named."""

from collections import Counter

from aether_forge.sim.raft.sometimes import EXPECTED, missing


def test_what_was_never_reached_is_named() -> None:
    counts = Counter(dict.fromkeys(EXPECTED, 1))
    assert missing(counts) == []
    counts[EXPECTED[3]] = 0
    assert missing(counts) == [EXPECTED[3]]
