"""Laws of smooth weighted turns."""

from hypothesis import given
from hypothesis import strategies as st

from aether.core.dataplane.weights import Share, give_back, next_share, parts_of, sum_of_parts
from aether.core.model.traffic import VersionWeight

weights = st.lists(st.integers(1, 10_000), min_size=1, max_size=8)


def shares_of(of: list[int]) -> list[Share]:
    return [Share(weight / sum(of)) for weight in of]


@given(weights, st.integers(0, 500), st.integers(1, 500))
def test_any_stretch_of_turns_holds_the_parts_within_one_per_share(
    of: list[int], begin: int, length: int
) -> None:
    shares = shares_of(of)
    for _ in range(begin):
        next_share(shares)
    counts = dict.fromkeys(shares, 0)
    for _ in range(length):
        counts[next_share(shares)] += 1
    for share, count in counts.items():
        assert abs(count - length * share.part) <= len(shares)


@given(weights.filter(lambda of: sum(of) <= 2000))
def test_one_round_is_exact(of: list[int]) -> None:
    shares = shares_of(of)
    counts = dict.fromkeys(shares, 0)
    for _ in range(sum(of)):
        counts[next_share(shares)] += 1
    assert list(counts.values()) == of


@given(weights, st.lists(st.integers(1, 255), max_size=300))
def test_no_share_falls_behind_however_others_are_left_out(of: list[int], masks: list[int]) -> None:
    """Credits stay small whichever shares take part in a turn, so nobody is ever owed a burst."""
    shares = shares_of(of)
    for mask in masks:
        present = [share for index, share in enumerate(shares) if mask >> index & 1]
        if present:
            next_share(present, sum_of_parts(present))
    assert all(abs(share.credit) <= len(shares) for share in shares)


@given(weights, st.integers(0, 50))
def test_a_turn_given_back_is_as_if_it_had_not_been(of: list[int], begin: int) -> None:
    shares, untouched = shares_of(of), shares_of(of)
    for _ in range(begin):
        next_share(shares)
        next_share(untouched)
    give_back(next_share(shares), shares)
    for share, other in zip(shares, untouched, strict=True):
        assert abs(share.credit - other.credit) < 1e-9


versions = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 100), max_size=6)
present = st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 9), min_size=1, max_size=6)


@given(versions, present)
def test_parts_are_whole_and_of_those_that_are_there(
    of: dict[str, int], counts: dict[str, int]
) -> None:
    parts = parts_of([VersionWeight(version=name, weight=of[name]) for name in of], counts)
    assert abs(sum(parts.values()) - 1.0) < 1e-9
    if parts != {"": 1.0}:
        assert parts.keys() == {name for name in counts if of.get(name)}
        assert all(0 < part <= 1 for part in parts.values())
    else:
        assert not any(of.get(name) for name in counts)
