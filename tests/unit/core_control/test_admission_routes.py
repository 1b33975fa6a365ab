"""One slice for each route."""

from dataclasses import replace

import pytest

from aether.core.control.admission_others import Others
from aether.core.control.admission_routes import affinity_problems, route_conflicts
from aether.core.model.records import Route, RouteRecord
from tests.worlds import APP, SHOP, STOCK, nodes, spec, with_artifact

NOBODY = Others({}, {}, {})


def test_routes_of_a_blueprint_may_not_meet() -> None:
    view = with_artifact(nodes(), f"{SHOP}:1.0.0", routes=[Route(method="GET", pattern="/x/{a}")])
    view = with_artifact(view, f"{STOCK}:1.0.0", routes=[Route(method="GET", pattern="/x/{b}")])
    (told,) = route_conflicts(view, NOBODY, [spec(f"{SHOP}:1.0.0"), spec(f"{STOCK}:1.0.0")])
    assert told.startswith(f"route GET /x/{{b}} of {STOCK}:1.0.0 belongs to {SHOP} as /x/{{a}}")


def test_a_route_that_is_served_belongs_to_who_serves_it() -> None:
    view = with_artifact(nodes(), f"{SHOP}:1.0.0", routes=[Route(method="GET", pattern="/x")])
    record = RouteRecord(slice=STOCK, timeout_s=1.0, body_limit=1)
    taken = type(view)(artifacts=view.artifacts, routes={("GET", "/x"): record})
    assert len(list(route_conflicts(taken, NOBODY, [spec(f"{SHOP}:1.0.0")]))) == 1
    other = type(view)(artifacts=view.artifacts, routes={("POST", "/x"): record})
    assert list(route_conflicts(other, NOBODY, [spec(f"{SHOP}:1.0.0")])) == []


@pytest.mark.parametrize(
    ("ours", "theirs", "told"),
    [
        ("GET", "*", " as * /hello"),
        ("*", "GET", " as GET /hello"),
        ("HEAD", "GET", " as GET /hello"),
        ("*", "*", ""),
        ("POST", "GET", None),
    ],
)
def test_no_request_may_go_to_two_slices(ours: str, theirs: str, told: str | None) -> None:
    """A GET beside another's `*` would take its requests away."""
    mine, foreign = f"{SHOP}:1.0.0", f"{STOCK}:1.0.0"
    view = with_artifact(nodes(), mine, routes=[Route(method=ours, pattern="/hello")])
    view = with_artifact(view, foreign, routes=[Route(method=theirs, pattern="/hello")])
    others = Others({STOCK: APP}, {STOCK: spec(foreign)}, {})
    record = RouteRecord(slice=STOCK, timeout_s=1.0, body_limit=1)
    serving = replace(view, routes={(theirs, "/hello"): record})
    for found in (
        list(route_conflicts(view, others, [spec(mine)])),
        list(route_conflicts(serving, NOBODY, [spec(mine)])),
        list(route_conflicts(view, NOBODY, [spec(foreign), spec(mine)])),
    ):
        start = f"route {ours} /hello of {mine} belongs to {STOCK}{told}:"
        assert [text.startswith(start) for text in found] == ([] if told is None else [True])


def test_the_longest_match_between_different_patterns_stays_allowed() -> None:
    """An application at `/hello/{*rest}` and a slice at `/hello/you` live side by side."""
    mine, foreign = f"{SHOP}:1.0.0", f"{STOCK}:1.0.0"
    view = with_artifact(nodes(), mine, routes=[Route(method="GET", pattern="/hello/you")])
    rest = Route(method="*", pattern="/hello/{*rest}")
    view = with_artifact(view, foreign, routes=[rest])
    assert list(route_conflicts(view, NOBODY, [spec(foreign), spec(mine)])) == []


def test_a_slice_may_have_both_rows_of_a_pattern_itself() -> None:
    mine = f"{SHOP}:1.0.0"
    routes = [Route(method="*", pattern="/x"), Route(method="GET", pattern="/x")]
    view = with_artifact(nodes(), mine, routes=routes)
    assert list(route_conflicts(view, NOBODY, [spec(mine)])) == []


@pytest.mark.parametrize(
    ("ours", "theirs", "meet"),
    [
        ("a.org", "a.org", True),
        ("a.org", "b.org", False),
        ("a.org", "", False),
        ("a.org", "*.org", False),
        ("*.org", "*.org", True),
    ],
)
def test_routes_for_different_hosts_do_not_meet(ours: str, theirs: str, meet: bool) -> None:
    mine, foreign = f"{SHOP}:1.0.0", f"{STOCK}:1.0.0"
    view = with_artifact(nodes(), mine, routes=[Route(method="GET", pattern="/x/{a}", host=ours)])
    view = with_artifact(view, foreign, routes=[Route(method="GET", pattern="/x/{b}", host=theirs)])
    record = RouteRecord(slice=STOCK, host=theirs)
    serving = replace(view, routes={("GET", f"{theirs}/x/{{b}}"): record})
    for found in (
        list(route_conflicts(serving, NOBODY, [spec(mine)])),
        list(route_conflicts(view, NOBODY, [spec(foreign), spec(mine)])),
    ):
        told = f"route GET {ours}/x/{{a}} of {mine} belongs to {STOCK} as {theirs}/x/{{b}}:"
        assert [text.startswith(told) for text in found] == ([True] if meet else [])


@pytest.mark.parametrize(
    ("affinity", "known"),
    [
        ("path:user", True), ("path:rest", True), ("path:use", False), ("path:x", False),
        ("header:user", True), ("cookie:none", True), ("", True),
    ],
)  # fmt: skip
def test_affinity_by_a_parameter_needs_one(affinity: str, known: bool) -> None:
    mine = f"{SHOP}:1.0.0"
    routes = [
        Route(method="GET", pattern="/x/{user}"),
        Route(method="GET", pattern="/y/{user}/{*rest}"),
    ]
    view = with_artifact(nodes(), mine, routes=routes)
    told = list(affinity_problems(view, [replace(spec(mine), affinity=affinity)]))
    assert [affinity in text for text in told] == ([] if known else [True])
