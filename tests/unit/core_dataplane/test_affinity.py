"""Affinity by example; the laws are in tests/property/test_affinity_laws.py."""

from collections import Counter

from aether.core.dataplane.affinity import POINTS, HashRing, number_of, points_of, weighted_choice
from aether.core.dataplane.weights import Share


def ring(*names: str) -> HashRing[str]:
    return HashRing((name, name) for name in names)


def anyone(_owner: str) -> bool:
    return True


def test_numbers_do_not_depend_on_the_process() -> None:
    assert number_of(b"session-1") == 12_558_777_036_138_866_604
    assert points_of("a:b:1.0.0/0")[:2] == (
        18_318_461_952_985_281_969,
        4_134_745_703_116_686_611,
    )
    assert len(points_of("a:b:1.0.0/0")) == POINTS


def test_nobody_owns_an_empty_circle_or_one_where_nobody_fits() -> None:
    assert ring().find(b"key", anyone) is None
    assert ring("a", "b").find(b"key", lambda _: False) is None


def test_keys_spread_over_all() -> None:
    names = [f"a:b:1.0.0/{number}" for number in range(10)]
    whole = ring(*names)
    counts = Counter(whole.find(b"key-%d" % number, anyone) for number in range(10_000))
    assert set(counts) == set(names)
    assert max(counts.values()) < 1500
    assert min(counts.values()) > 600


def test_one_that_does_not_fit_gives_its_keys_to_several_others() -> None:
    whole = ring(*(f"i{number}" for number in range(8)))
    keys = [b"%d" % number for number in range(2000)]
    home = {key: whole.find(key, anyone) for key in keys}
    away = {key: whole.find(key, lambda owner: owner != "i3") for key in keys}
    assert all(away[key] == home[key] for key in keys if home[key] != "i3")
    assert len({away[key] for key in keys if home[key] == "i3"}) >= 5


def test_versions_get_as_many_keys_as_their_part() -> None:
    shares = [Share(0.9), Share(0.1)]
    counts = Counter(
        shares.index(weighted_choice(["1.0.0", "2.0.0"], shares, b"%d" % number))
        for number in range(10_000)
    )
    assert abs(counts[1] - 1000) < 150
