from itertools import count
from time import perf_counter

import pytest

from aether.core.model.nearness import MOST_KNOWN, nearest

KEYS = ["artifact", "instances", "max_instances", "min_instances", "placement", "timeout"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("instanecs", "instances"),
        ("Timeout", "timeout"),
        ("max-instances", "max_instances"),
        ("placment", "placement"),
        ("zzz", None),
        ("", None),
        ("ü" * 1000, None),
    ],
)
def test_what_is_near_is_found(written: str, meant: str | None) -> None:
    assert nearest(written, KEYS) == meant


def test_nothing_known_is_near_nothing() -> None:
    assert nearest("anything", []) is None


def test_the_first_of_equals_is_taken() -> None:
    assert nearest("ab1", ["ab2", "ab3"]) == "ab2"


def test_the_search_is_bounded_in_names_and_in_their_length() -> None:
    began = perf_counter()
    assert nearest("x" * 100_000, ("y" * 100_000 for _ in range(50))) is None
    assert nearest("org.example:shpo:1.0.0", (f"org.example:n-{n}:1.0.0" for n in count()))
    assert MOST_KNOWN == 1_000
    assert perf_counter() - began < 2.0
