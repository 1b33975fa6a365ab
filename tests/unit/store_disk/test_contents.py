import pytest

from aether.store.disk.contents import Contents


def filled() -> Contents:
    contents = Contents()
    contents.begin_after(10)
    contents.add(1, 32, 11, 5, 1)
    contents.add(1, 1000, 16, 5, 1)
    contents.add(1, 40_000, 21, 5, 2)
    contents.add(2, 32, 26, 5, 2)
    return contents


def test_a_read_begins_where_the_entry_is_or_shortly_before() -> None:
    contents = filled()
    assert contents.place_of(11) == (1, 32, 21)
    assert contents.place_of(20) == (1, 32, 21)
    assert contents.place_of(25) == (1, 40_000, 26)
    assert contents.place_of(30) == (2, 32, 31)
    assert contents.first_from(20) == 11


def test_what_is_replaced_is_forgotten_and_never_read_through() -> None:
    contents = filled()
    contents.add(2, 500, 18, 2, 3)
    assert (contents.first_index, contents.last_index) == (11, 19)
    assert contents.term_starts == ((11, 1), (18, 3))
    assert contents.place_of(17) == (1, 32, 18)
    assert contents.place_of(18) == (2, 500, 20)
    contents.add(2, 600, 5, 1, 4)
    assert (contents.first_index, contents.last_index) == (5, 5)


def test_a_gap_is_refused() -> None:
    for first in (32, 0):
        with pytest.raises(ValueError, match="missing"):
            filled().add(2, 500, first, 1, 2)


def test_dropping_the_front_keeps_the_term_of_the_first_entry() -> None:
    contents = filled()
    contents.drop_segments_before(2)
    assert (contents.first_index, contents.last_index) == (26, 30)
    assert contents.term_starts == ((26, 2),)
    assert [contents.term_at(index) for index in (25, 26, 30, 31)] == [None, 2, 2, None]
    contents.drop_segments_before(2)
    assert contents.first_index == 26
