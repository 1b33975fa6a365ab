"""Runs of terms."""

import pytest

from aether.core.raft.terms import TermRuns

RUNS = [(0, 0), (1, 1), (4, 3), (9, 7)]


def test_terms_of_entries() -> None:
    runs = TermRuns(RUNS)
    assert [runs.term_at(index) for index in (0, 1, 3, 4, 8, 9, 50)] == [0, 1, 1, 3, 3, 7, 7]


@pytest.mark.parametrize(
    ("index", "term", "found"), [(8, 3, 8), (8, 2, 3), (20, 3, 8), (20, 9, 20), (8, 0, 0)]
)
def test_the_last_entry_of_at_most_a_term(index: int, term: int, found: int) -> None:
    assert TermRuns(RUNS).last_at_most(index, term) == found


def test_truncating_and_forgetting() -> None:
    runs = TermRuns(RUNS)
    runs.truncate(4)
    assert runs.last_term == 1
    runs.extend(4, 5)
    runs.drop_before(2)
    assert (runs.first, runs.term_at(1), runs.term_at(2), runs.term_at(4)) == (2, None, 1, 5)
    assert runs.last_at_most(9, 0) == 1
