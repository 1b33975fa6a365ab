from difflib import SequenceMatcher
from itertools import count
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aether.core.model.nearness import MOST_KNOWN, _pairs, nearest

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


@given(st.text("abc-:", max_size=12), st.lists(st.text("abc-:", max_size=12), max_size=12))
def test_what_is_left_out_early_is_never_the_nearest(written: str, known: list[str]) -> None:
    found = nearest(written, known)
    likeness = {
        other: SequenceMatcher(a=other, b=written, autojunk=False).ratio() for other in known
    }
    assert found is None or (found in known and likeness[found] > 0.6)
    if len(known) <= 8:
        shares = [other for other in known if _pairs(other) & _pairs(written)]
        best = max((likeness[other] for other in shares), default=0.0)
        assert (found is None) == (best <= 0.6)
        assert found is None or likeness[found] == best
