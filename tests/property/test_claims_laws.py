"""Laws of claiming routes: one owner each, and versions side by side that do not take turns."""

from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aether.core.agent.claims import claim
from aether.core.model.ids import SliceBase
from aether.core.model.lifecycle import Desired
from aether.core.model.methods import methods_meet
from aether.core.model.records import Route, RouteRecord, WantedRecord, pattern_shape
from tests.worlds import SHOP, STOCK

LAW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
WISH = WantedRecord(desired=Desired.ACTIVATE, generation=1, target_generation=1)
Present = dict[tuple[str, str], RouteRecord]

ROUTES = st.lists(
    st.builds(
        Route,
        method=st.sampled_from(["GET", "HEAD", "POST", "*"]),
        pattern=st.sampled_from(["/", "/a", "/{x}", "/{y}", "/a/{*rest}"]),
        host=st.sampled_from(["", "a.org", "*.org"]),
        attempts=st.integers(1, 3),
        auth=st.sampled_from(["", "internal"]),
    ),
    max_size=4,
    unique_by=lambda route: (route.method, route.place),
)
WISHES = st.builds(
    lambda generation, timeout_s: replace(WISH, target_generation=generation, timeout_s=timeout_s),
    st.integers(1, 4),
    st.sampled_from([None, 1.0, 9.0]),
)


def written(base: SliceBase, routes: list[Route], wish: WantedRecord, present: Present) -> Present:
    """What stands there once an instance has written what it misses."""
    return {**present, **claim(base, routes, wish, present).missing}


@LAW
@given(ROUTES, WISHES, ROUTES)
def test_what_was_written_is_not_written_again(
    ours: list[Route], wish: WantedRecord, theirs: list[Route]
) -> None:
    present = written(STOCK, theirs, WISH, {})
    after = written(SHOP, ours, wish, present)
    assert not claim(SHOP, ours, wish, after).missing


@LAW
@given(ROUTES, ROUTES, WISHES)
def test_no_request_can_go_to_two_slices(
    ours: list[Route], theirs: list[Route], wish: WantedRecord
) -> None:
    present = written(STOCK, theirs, WISH, {})
    claims = claim(SHOP, ours, wish, present)
    for method, place in claims.missing:
        for other, taken in present:
            assert pattern_shape(place) != pattern_shape(taken) or not methods_meet(method, other)
    taken_from_us = [route for route in ours if (route.method, route.place) not in claims.missing]
    assert len(claims.conflicts) == len(taken_from_us)


@LAW
@given(ROUTES, ROUTES, WISHES, WISHES, st.lists(st.booleans(), max_size=6))
def test_versions_side_by_side_come_to_rest(
    old: list[Route],
    new: list[Route],
    one: WantedRecord,
    other: WantedRecord,
    turns: list[bool],
) -> None:
    """In whatever order they look: once the later one has written, neither writes any more."""
    if one.target_generation == other.target_generation:
        return
    earlier, later = sorted((one, other), key=lambda wish: wish.target_generation)
    present: Present = {}
    for is_old in turns:
        present = written(SHOP, old if is_old else new, earlier if is_old else later, present)
    present = written(SHOP, new, later, present)
    present = written(SHOP, old, earlier, present)
    assert not claim(SHOP, old, earlier, present).missing
    assert not claim(SHOP, new, later, present).missing
    for route in new:
        assert present[route.method, route.place].auth == route.auth
