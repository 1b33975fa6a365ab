"""What one process writes into its lane, and others read."""

import pytest

from aether.core.dataplane.lanes import CELLS, ROUTES, SIZE, Cells, Lane, cells_of, route_number

SECRET = b"only this node knows"


def lane() -> Lane:
    return Lane(memoryview(bytearray(SIZE)))


def test_a_reader_sees_what_the_writer_counts() -> None:
    memory = bytearray(SIZE)
    writer, reader = Lane(memoryview(memory)), Lane(memoryview(memory).toreadonly())
    place = writer.give(route_number("GET /a"))
    writer.let_through[place] += 3
    writer.empty_at[place] = 12.5
    assert reader.find(route_number("GET /a")) == place
    assert (reader.let_through[place], reader.empty_at[place], reader.routes) == (3, 12.5, 1)
    assert reader.find(route_number("GET /b")) == -1


def test_only_a_lane_that_has_begun_is_sound() -> None:
    made = lane()
    assert not made.is_sound
    made.begin()
    assert made.is_sound


def test_a_lane_has_one_size() -> None:
    with pytest.raises(ValueError, match=f"a lane has {SIZE} bytes, not 64"):
        Lane(memoryview(bytearray(64)))


def test_routes_whose_numbers_collide_have_places_of_their_own() -> None:
    made = lane()
    numbers = [7, 7 + ROUTES, 7 + 2 * ROUTES, ROUTES - 1, 2 * ROUTES - 1]
    places = [made.give(number) for number in numbers]
    assert places == [7, 8, 9, ROUTES - 1, 0]
    assert [made.find(number) for number in numbers] == places
    assert [made.give(number) for number in numbers] == places
    assert made.routes == 5


def test_three_quarters_of_the_places_are_given_out() -> None:
    made = lane()
    most = ROUTES * 3 // 4
    assert all(made.give(number) >= 0 for number in range(1, most + 1))
    assert made.give(most + 1) == -1
    assert made.give(most) >= 0
    assert made.find(most + 1) == -1


def test_an_address_is_counted_in_two_cells_and_never_too_low() -> None:
    made = lane()
    mine, half, whole = Cells(1, 2), Cells(1, 5), Cells(1, 2)
    made.count(mine, 4)
    made.count(half, 3)
    assert (made.held(mine), made.held(half), made.held(whole)) == (4, 3, 4)
    made.count(mine, -4)
    assert (made.held(mine), made.held(half)) == (0, 3)


def test_cells_depend_on_the_secret() -> None:
    here, there = cells_of("10.0.0.1", SECRET), cells_of("10.0.0.1", b"another")
    assert here == cells_of("10.0.0.1", SECRET) != there
    assert max(*here, *there) < CELLS
