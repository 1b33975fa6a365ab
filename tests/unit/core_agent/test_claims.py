"""Routes have one owner each."""

from aether.core.agent.claims import claim
from aether.core.model.records import Route, RouteRecord
from tests.worlds import SHOP, STOCK

ROUTE = Route(method="GET", pattern="/a", timeout_s=3.0, body_limit=10)
OURS = RouteRecord(slice=SHOP, timeout_s=3.0, body_limit=10)


def test_a_free_route_is_claimed_with_its_policy() -> None:
    claims = claim(SHOP, [ROUTE], None, {})
    assert claims.missing == {("GET", "/a"): OURS}
    assert not claims.conflicts


def test_a_route_that_is_ours_already_is_not_written_again() -> None:
    assert not claim(SHOP, [ROUTE], None, {("GET", "/a"): OURS}).missing


def test_a_changed_time_out_is_written() -> None:
    claims = claim(SHOP, [ROUTE], 9.0, {("GET", "/a"): OURS})
    assert claims.missing[("GET", "/a")].timeout_s == 9.0


def test_a_route_of_another_slice_is_a_conflict() -> None:
    theirs = RouteRecord(slice=STOCK, timeout_s=1.0, body_limit=1)
    claims = claim(SHOP, [ROUTE], None, {("GET", "/a"): theirs})
    assert not claims.missing
    assert claims.conflicts == (f"route GET /a belongs to {STOCK}",)


def test_a_route_of_another_slice_is_one_whatever_its_parameters_are_called() -> None:
    theirs = {("GET", "/a/{id}"): RouteRecord(slice=STOCK, timeout_s=1.0, body_limit=1)}
    claims = claim(SHOP, [Route(method="GET", pattern="/a/{name}")], None, theirs)
    assert not claims.missing
    assert claims.conflicts == (f"route GET /a/{{name}} belongs to {STOCK} as /a/{{id}}",)
    assert claim(SHOP, [Route(method="POST", pattern="/a/{name}")], None, theirs).missing


def test_another_slice_that_takes_every_method_of_the_pattern_is_a_conflict() -> None:
    theirs = {("*", "/a"): RouteRecord(slice=STOCK, timeout_s=1.0, body_limit=1)}
    claims = claim(SHOP, [ROUTE], None, theirs)
    assert not claims.missing
    assert claims.conflicts == (f"route GET /a belongs to {STOCK} as * /a",)
    assert claim(STOCK, [ROUTE], None, theirs).missing
