"""Counts in sentences."""

from aether.core.model.wording import counted


def test_one_is_singular() -> None:
    told = [counted(count, "instance") for count in (0, 1, 2)]
    assert told == ["0 instances", "1 instance", "2 instances"]
