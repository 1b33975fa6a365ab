"""Routes have one owner each."""

from dataclasses import replace

from msgspec import structs

from aether.core.agent.claims import claim
from aether.core.model.lifecycle import Desired
from aether.core.model.records import Route, RouteRecord, WantedRecord
from tests.worlds import SHOP, STOCK

ROUTE = Route(method="GET", pattern="/a", timeout_s=3.0, body_limit=10)
OURS = RouteRecord(slice=SHOP, timeout_s=3.0, body_limit=10, generation=2)
WISH = WantedRecord(desired=Desired.ACTIVATE, generation=7, target_generation=2)


def test_a_free_route_is_claimed_with_its_policy() -> None:
    claims = claim(SHOP, [ROUTE], WISH, {})
    assert claims.missing == {("GET", "/a"): OURS}
    assert not claims.conflicts


def test_a_route_that_is_ours_already_is_not_written_again() -> None:
    assert not claim(SHOP, [ROUTE], WISH, {("GET", "/a"): OURS}).missing


def test_a_changed_time_out_is_written() -> None:
    claims = claim(SHOP, [ROUTE], replace(WISH, timeout_s=9.0), {("GET", "/a"): OURS})
    assert claims.missing[("GET", "/a")].timeout_s == 9.0


def test_a_route_of_another_slice_is_a_conflict() -> None:
    theirs = RouteRecord(slice=STOCK, timeout_s=1.0, body_limit=1)
    claims = claim(SHOP, [ROUTE], WISH, {("GET", "/a"): theirs})
    assert not claims.missing
    assert claims.conflicts == (f"route GET /a belongs to {STOCK}",)


def test_a_route_of_another_slice_is_one_whatever_its_parameters_are_called() -> None:
    theirs = {("GET", "/a/{id}"): RouteRecord(slice=STOCK, timeout_s=1.0, body_limit=1)}
    claims = claim(SHOP, [Route(method="GET", pattern="/a/{name}")], WISH, theirs)
    assert not claims.missing
    assert claims.conflicts == (f"route GET /a/{{name}} belongs to {STOCK} as /a/{{id}}",)
    assert claim(SHOP, [Route(method="POST", pattern="/a/{name}")], WISH, theirs).missing


def test_another_slice_that_takes_every_method_of_the_pattern_is_a_conflict() -> None:
    theirs = {("*", "/a"): RouteRecord(slice=STOCK, timeout_s=1.0, body_limit=1)}
    claims = claim(SHOP, [ROUTE], WISH, theirs)
    assert not claims.missing
    assert claims.conflicts == (f"route GET /a belongs to {STOCK} as * /a",)
    assert claim(STOCK, [ROUTE], WISH, theirs).missing


def test_routes_for_different_hosts_are_different_routes() -> None:
    theirs = {("GET", "a.org/a"): RouteRecord(slice=STOCK, host="a.org")}
    ours = structs.replace(ROUTE, host="b.org")
    assert list(claim(SHOP, [ROUTE, ours], WISH, theirs).missing) == [
        ("GET", "/a"),
        ("GET", "b.org/a"),
    ]
    taken = claim(SHOP, [structs.replace(ROUTE, host="a.org")], WISH, theirs)
    assert taken.conflicts == (f"route GET a.org/a belongs to {STOCK}",)


def test_versions_side_by_side_do_not_take_turns_with_a_policy() -> None:
    newer = claim(
        SHOP, [structs.replace(ROUTE, auth="internal")], replace(WISH, target_generation=3), {}
    )
    present = dict(newer.missing)
    assert not claim(SHOP, [ROUTE], WISH, present).missing
    again = claim(SHOP, [ROUTE], replace(WISH, target_generation=4), present)
    assert again.missing[("GET", "/a")] == structs.replace(OURS, generation=4)


def test_a_policy_that_stays_is_not_written_for_a_new_target() -> None:
    assert not claim(
        SHOP, [ROUTE], replace(WISH, target_generation=9), {("GET", "/a"): OURS}
    ).missing


def test_a_hedge_that_the_blueprints_time_out_makes_pointless_is_left_out() -> None:
    hedged = structs.replace(ROUTE, hedge_after_s=1.0)
    assert claim(SHOP, [hedged], WISH, {}).missing[("GET", "/a")].hedge_after_s == 1.0
    short = claim(SHOP, [hedged], replace(WISH, timeout_s=0.5), {})
    assert short.missing[("GET", "/a")].hedge_after_s == 0.0
