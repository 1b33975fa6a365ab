"""Rows by route: own ones up to a bound, the rest added up."""

from aether.core.dataplane.route_counts import NO_ROUTE, OVERFLOW, call_key, route_key
from aether.core.dataplane.traffic import Names, Tally
from aether.telemetry.exposition.routes import OTHER, RouteRows, labels_of

A, B, C = (route_key("GET", "", f"/{name}", f"g:{name}") for name in "abc")
KEY_A = ("g:a", "GET /a", "1")


def tally(count: int, seconds: float = 0.001) -> Tally:
    made = Tally(statuses=[0, 0, count, 0, 0, 0], retries=1, bytes_in=2, bytes_out=3)
    for _ in range(count):
        made.latencies.record(seconds)
    return made


def names(route: str, method: str = "GET") -> Names:
    return route, "1", method


def test_names_of_routes() -> None:
    assert labels_of(route_key("GET", "example.org", "/o/{id}", "s:o")) == (
        "s:o",
        "GET example.org/o/{id}",
    )
    assert labels_of(call_key("s:o")) == ("s:o", "call")
    assert labels_of(NO_ROUTE) == ("", "unmatched")
    assert labels_of(OVERFLOW) == ("", "overflow")


def test_methods_of_a_route_are_added_up() -> None:
    rows = RouteRows(10).rows({names(A): tally(2), names(A, "HEAD"): tally(3)})
    row = rows[KEY_A]
    assert list(rows) == [KEY_A]
    assert row.statuses == (0, 0, 5, 0, 0, 0)
    assert (row.retries, row.bytes_in, row.bytes_out) == (2, 4, 6)
    assert row.spread.below[-1] == 5
    assert row.spread.sum_s == 0.005


def test_what_is_beyond_the_bound_is_added_up_and_never_falls() -> None:
    rows = RouteRows(1)
    first = rows.rows({names(A): tally(1), names(B): tally(2), names(C): tally(3)})
    assert first["", OTHER, ""].statuses[2] == 5
    later = rows.rows({names(A): tally(1), names(B): tally(4), names(C): tally(3)})
    assert later["", OTHER, ""].statuses[2] == 7
    # C is forgotten, and begins anew with less.
    anew = rows.rows({names(A): tally(1), names(B): tally(4), names(C): tally(1)})
    assert anew["", OTHER, ""].statuses[2] == 8
    assert anew["", OTHER, ""].spread.below[-1] == 8


def test_a_route_that_is_gone_gives_its_place_to_one_that_comes() -> None:
    rows = RouteRows(1)
    rows.rows({names(A): tally(1), names(B): tally(2)})
    found = rows.rows({names(B): tally(2), names(C): tally(3)})
    assert found["g:c", "GET /c", "1"].statuses[2] == 3
    assert found["", OTHER, ""].statuses[2] == 2


def test_no_traffic_is_no_rows() -> None:
    assert RouteRows(1).rows({}) == {}
