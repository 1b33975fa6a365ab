"""Which value of a setting counts, and which values there may be."""

import pytest

from aether.config.runtime_settings import SETTINGS
from aether.core.control.overrides import (
    MAX_DEPTH,
    MAX_VALUE_BYTES,
    InForce,
    Pair,
    Setting,
    in_force,
    reconciled,
    shown,
    value_problem,
)
from aether.core.model.records import ConfigRecord

GRACE = SETTINGS["agent.drain_grace_s"]
TRIES = SETTINGS["control.tries_per_node"]
LEVEL = SETTINGS["log.level"]
GIVEN = InForce(10.0, "default")
PAIR = Pair(lesser="a", greater="b", may_equal=False, why="a comes first")


def overrides(**scopes: object) -> dict[tuple[str, str], ConfigRecord]:
    names = {"cluster": "cluster", "n1": "node/n1", "n2": "node/n2"}
    return {
        (names[scope], GRACE.name): ConfigRecord(value=value) for scope, value in scopes.items()
    }


@pytest.mark.parametrize(
    ("set_for", "node", "expected"),
    [
        ({}, "n1", GIVEN),
        ({"cluster": 3}, "n1", InForce(3, "cluster")),
        ({"cluster": 3, "n1": 5}, "n1", InForce(5, "node/n1")),
        ({"cluster": 3, "n2": 5}, "n1", InForce(3, "cluster")),
        ({"n1": 5}, None, GIVEN),
        ({"cluster": 3, "n1": "broken"}, "n1", InForce(3, "cluster")),
        ({"n1": 1e9}, "n1", GIVEN),
    ],
)
def test_nearest_wins(set_for: dict[str, object], node: str | None, expected: InForce) -> None:
    assert in_force(GRACE, overrides(**set_for), node, GIVEN) == expected


def test_a_scope_the_setting_does_not_have_never_counts() -> None:
    odd = {("node/n1", TRIES.name): ConfigRecord(value=9)}
    assert in_force(TRIES, odd, "n1", InForce(5, "default")) == InForce(5, "default")


@pytest.mark.parametrize(
    ("setting", "value", "fits"),
    [
        (GRACE, 0, True),
        (GRACE, 20.0, True),
        (GRACE, 20.1, False),
        (GRACE, -1, False),
        (GRACE, float("nan"), False),
        (GRACE, True, False),
        (GRACE, "5", False),
        (GRACE, None, False),
        (TRIES, 3, True),
        (TRIES, 3.0, False),
        (TRIES, 10**400, False),
        (LEVEL, "debug", True),
        (LEVEL, "loud", False),
        (LEVEL, ["debug"], False),
    ],
)
def test_values_are_of_their_kind_and_within_bounds(
    setting: Setting, value: object, fits: bool
) -> None:
    problem = setting.problem(value)
    assert (problem == "") is fits
    assert fits or "not" in problem


def test_values_that_contradict_each_other_are_made_to_go_together() -> None:
    was_set, was_given = InForce(8.0, "cluster"), InForce(5.0, "file")
    assert reconciled(PAIR, was_set, was_given) == (was_set, InForce(16.0, "cluster"))
    low = InForce(1.0, "cluster")
    assert reconciled(PAIR, InForce(2.0, "file"), low) == (InForce(0.5, "cluster"), low)
    assert reconciled(PAIR, low, was_set) == (low, was_set)


def test_what_a_slice_may_be_told_is_bounded() -> None:
    deep: object = 1
    for _ in range(MAX_DEPTH):
        deep = [deep]
    assert value_problem(deep) == ""
    assert "inside each other" in value_problem([deep])
    assert value_problem("x" * (MAX_VALUE_BYTES - 2)) == ""
    assert "the limit is 65536" in value_problem("x" * MAX_VALUE_BYTES)
    assert "cannot be kept as JSON" in value_problem(object())


def test_what_is_shown_is_short() -> None:
    assert shown("EUR") == "'EUR'"
    assert shown({"a": 1}) == "dict"
    assert len(shown("x" * 1000)) == 60
