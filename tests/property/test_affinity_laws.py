"""Laws of affinity: keys stay where they are as long as that is possible."""

import random

from hypothesis import given
from hypothesis import strategies as st

from aether.core.dataplane.affinity import HashRing, weighted_choice
from aether.core.dataplane.weights import Share

names = st.lists(
    st.integers(0, 999).map(lambda number: f"a:b:1.0.0/{number}"),
    min_size=2,
    max_size=12,
    unique=True,
)
KEYS = [b"session-%d" % number for number in range(150)]


def homes(of: list[str]) -> dict[bytes, str | None]:
    ring = HashRing((name, name) for name in of)
    return {key: ring.find(key, lambda _: True) for key in KEYS}


@given(names, st.integers(0, 11))
def test_when_one_goes_its_keys_move_and_no_others(of: list[str], index: int) -> None:
    gone = of[index % len(of)]
    before, after = homes(of), homes([name for name in of if name != gone])
    moved = [key for key in KEYS if before[key] != after[key]]
    assert moved == [key for key in KEYS if before[key] == gone]
    # a fair part is 1/n; the circle gives each a part that differs from it by a third or so
    assert len(moved) <= len(KEYS) * min(1.0, 2.2 / len(of)) + 10


@given(names, st.randoms(use_true_random=False))
def test_the_order_they_are_listed_in_does_not_matter(
    of: list[str], shuffler: random.Random
) -> None:
    turned = list(of)
    shuffler.shuffle(turned)
    assert homes(of) == homes(turned)


@given(names, st.sets(st.integers(0, 11)))
def test_it_finds_somebody_who_fits_if_there_is_one(of: list[str], fit: set[int]) -> None:
    ring = HashRing((name, name) for name in of)
    fitting = {name for index, name in enumerate(of) if index in fit}
    for key in KEYS[:50]:
        found = ring.find(key, fitting.__contains__)
        assert found in fitting if fitting else found is None


@given(
    st.lists(st.integers(1, 100), min_size=2, max_size=5),
    st.integers(0, 4),
    st.integers(1, 100),
)
def test_a_version_that_gains_weight_only_gains_keys(of: list[int], index: int, more: int) -> None:
    labels = [f"{number}.0.0" for number in range(len(of))]
    grows = index % len(of)
    grown = [weight + more * (place == grows) for place, weight in enumerate(of)]
    before, after = ([Share(each / sum(all_)) for each in all_] for all_ in (of, grown))
    for key in KEYS:
        first = before.index(weighted_choice(labels, before, key))
        then = after.index(weighted_choice(labels, after, key))
        assert then in (first, grows)


@given(st.lists(st.integers(1, 20), min_size=2, max_size=4))
def test_versions_get_their_part_of_the_keys(of: list[int]) -> None:
    shares = [Share(weight / sum(of)) for weight in of]
    labels = [f"{number}.0.0" for number in range(len(of))]
    keys = [b"%d" % number for number in range(800)]
    chosen = [weighted_choice(labels, shares, key) for key in keys]
    for share in shares:
        # five standard deviations of a fair draw
        assert abs(chosen.count(share) - 800 * share.part) <= 5 * (800 * 0.25) ** 0.5
