"""Smooth weighted turns by example; the laws are in tests/property/test_weights_laws.py."""

from aether.core.dataplane.weights import Share, give_back, next_share, parts_of, sum_of_parts
from aether.core.model.traffic import VersionWeight


def test_turns_are_smooth_not_in_blocks() -> None:
    shares = [Share(5 / 7), Share(1 / 7), Share(1 / 7)]
    turns = [shares.index(next_share(shares)) for _ in range(7)]
    assert turns == [0, 0, 1, 0, 2, 0, 0]


def test_one_percent_comes_once_in_a_hundred() -> None:
    shares = [Share(0.99), Share(0.01)]
    turns = [shares.index(next_share(shares)) for _ in range(1000)]
    assert [number for number, turn in enumerate(turns) if turn] == list(range(49, 1000, 100))


def test_a_turn_that_is_given_back_changes_nothing() -> None:
    shares = [Share(0.7, 0.2), Share(0.3, -0.2)]
    taken = next_share(shares)
    give_back(taken, shares)
    assert [round(share.credit, 12) for share in shares] == [0.2, -0.2]


def test_some_of_the_shares_divide_by_their_own_sum() -> None:
    shares = [Share(0.5), Share(0.3), Share(0.2)]
    left = shares[1:]
    turns = [left.index(next_share(left, sum_of_parts(left))) for _ in range(10)]
    assert turns.count(0) == 6
    assert shares[0].credit == 0.0


def weights(**of: int) -> tuple[VersionWeight, ...]:
    return tuple(VersionWeight(version=name, weight=weight) for name, weight in of.items())


def test_parts_are_of_present_versions_only() -> None:
    assert parts_of(weights(v1=90, v2=10), {"v1": 1, "v2": 5}) == {"v1": 0.9, "v2": 0.1}
    assert parts_of(weights(v1=90, v2=30, v3=10), {"v2": 1, "v3": 1}) == {"v2": 0.75, "v3": 0.25}


def test_weight_0_and_unlisted_versions_get_nothing_beside_others() -> None:
    assert parts_of(weights(v1=0, v2=3), {"v1": 4, "v2": 1, "v9": 1}) == {"v2": 1.0}


def test_all_are_alike_without_weights_or_when_nothing_else_is_there() -> None:
    assert parts_of((), {"v1": 2, "v2": 1}) == {"": 1.0}
    assert parts_of(weights(v1=0, v2=3), {"v1": 4, "v9": 1}) == {"": 1.0}
