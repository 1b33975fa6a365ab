"""What a foreign proxy is told of a table: the same routes and shares as our router goes by."""

import re

import pytest

from aether.core.dataplane.edge import (
    RESERVED,
    edge_endpoints,
    edge_name,
    edge_routes,
    instance_of,
    path_expression,
    routes_of_host,
)
from aether.core.dataplane.rows import Endpoint, RouteRow, SlicePolicy
from aether.core.dataplane.table import Table
from aether.core.model.ids import InstanceId, NodeId, SliceBase
from aether.core.model.traffic import VersionWeight

LINKS, SHOP = SliceBase("org.example:links"), SliceBase("org.example:shop")


def row(method: str, pattern: str, base: SliceBase = LINKS, **more: str) -> RouteRow:
    return RouteRow(method=method, pattern=pattern, slice=base, **more)  # type: ignore[arg-type] # text fields only


def endpoint(version: str, number: int, base: SliceBase = LINKS) -> Endpoint:
    instance = InstanceId(f"{base}:{version}/{number}")
    return Endpoint(instance=instance, slice=base, node=NodeId("n1"), socket=f"/run/{number}.sock")


def table(*routes: RouteRow, **more: object) -> Table:
    return Table(revision=1, node=NodeId("n1"), routes=routes, **more)  # type: ignore[arg-type] # fields of a table


@pytest.mark.parametrize(
    ("pattern", "fits", "fits_not"),
    [
        ("/", ["/"], ["/a", ""]),
        ("/a.b/{id}", ["/a.b/1", "/a.b/x%20y"], ["/aXb/1", "/a.b/", "/a.b/1/2"]),
        ("/app/{*rest}", ["/app", "/app/", "/app/x/y"], ["/apple", "/ap"]),
        ("/{*rest}", ["/", "/x", "/x/y"], ["x"]),
        ("/grüße", ["/gr%C3%BC%C3%9Fe"], ["/gr"]),
    ],
)
def test_a_path_fits_where_the_pattern_takes_it(
    pattern: str, fits: list[str], fits_not: list[str]
) -> None:
    expression = re.compile(path_expression(pattern))
    assert all(expression.fullmatch(path) for path in fits)
    assert not any(expression.fullmatch(path) for path in fits_not)


def test_the_first_route_that_fits_is_the_most_specific_one() -> None:
    routes = edge_routes(
        table(row("*", "/{*rest}"), row("GET", "/a/{x}"), row("GET", "/a/b"), row("GET", "/a"))
    )
    assert [route.path for route in routes] == ["/a", "/a/b", "/a/[^/]+", "/.*"]


def test_a_get_answers_head_unless_a_route_of_its_own_does_and_every_verb_comes_last() -> None:
    routes = edge_routes(table(row("*", "/a"), row("POST", "/a"), row("GET", "/a")))
    assert [route.methods for route in routes] == [("GET", "HEAD"), ("POST",), ()]
    routes = edge_routes(table(row("HEAD", "/a"), row("GET", "/a")))
    assert [route.methods for route in routes] == [("GET",), ("HEAD",)]


def test_names_of_parameters_make_no_difference() -> None:
    routes = edge_routes(
        table(
            row("GET", "/a/{a}/{*r}"), row("GET", "/a/{z}/c"), row("*", "/{b}"), row("GET", "/{c}")
        )
    )
    assert [route.path for route in routes] == [
        "/a/[^/]+/c",
        "/a/[^/]+(?:/.*)?",
        "/[^/]+",
        "/[^/]+",
    ]
    assert [route.methods for route in routes[2:]] == [("GET", "HEAD"), ()]


def test_what_is_internal_is_not_told_and_its_slice_has_no_endpoints() -> None:
    told = table(
        row("GET", "/in", auth="internal"),
        row("GET", "/out", SHOP),
        instances=(endpoint("1.0.0", 0), endpoint("1.0.0", 0, SHOP)),
    )
    assert [route.slice for route in edge_routes(told)] == [SHOP]
    assert list(edge_endpoints(told, 100)) == [SHOP]


def test_a_host_goes_on_to_the_routes_of_less_specific_ones() -> None:
    routes = edge_routes(
        table(
            row("GET", "/any"),
            row("GET", "/wild", host="*.example.org"),
            row("GET", "/deep", host="*.b.example.org"),
            row("GET", "/own", host="a.b.example.org"),
        )
    )
    assert [route.path for route in routes_of_host(routes, "a.b.example.org")] == [
        "/own",
        "/deep",
        "/wild",
        "/any",
    ]
    assert [route.path for route in routes_of_host(routes, "*.example.org")] == ["/wild", "/any"]
    assert [route.path for route in routes_of_host(routes, "")] == ["/any"]


def test_a_version_keeps_its_share_however_many_instances_it_has() -> None:
    instances = (endpoint("1.0.0", 0), *(endpoint("1.1.0", number) for number in range(9)))
    weights = (VersionWeight(version="1.0.0", weight=1), VersionWeight(version="1.1.0", weight=99))
    told = table(
        row("GET", "/a"),
        instances=instances,
        policies=(SlicePolicy(slice=LINKS, weights=weights),),
    )
    for heaviest in (256, 10_000):
        found = edge_endpoints(told, heaviest)[LINKS]
        whole = sum(each.weight for each in found)
        old = sum(each.weight for each in found if each.endpoint.instance.version == "1.0.0")
        assert abs(100 * old / whole - 1) < 0.3
        assert max(each.weight for each in found) == heaviest


def test_a_version_of_weight_0_is_left_out_unless_nothing_else_is_there() -> None:
    weights = (VersionWeight(version="1.0.0", weight=0), VersionWeight(version="1.1.0", weight=1))
    policies = (SlicePolicy(slice=LINKS, weights=weights),)
    both = (endpoint("1.0.0", 0), endpoint("1.1.0", 1))
    told = table(row("GET", "/a"), instances=both, policies=policies)
    assert [each.endpoint for each in edge_endpoints(told, 100)[LINKS]] == [both[1]]
    told = table(row("GET", "/a"), instances=both[:1], policies=policies)
    assert [each.endpoint for each in edge_endpoints(told, 100)[LINKS]] == [both[0]]


def test_the_cluster_s_own_paths_are_found_however_they_are_written() -> None:
    for path in ("/_aether/calls", "/%5faether/x", "/a/_%61ether", "/%5F%61%65%74%68%65%72"):
        assert re.search(RESERVED, path), path
    assert not re.search(RESERVED, "/aether")


def test_an_instance_is_known_by_the_name_a_proxy_has_for_it() -> None:
    for text in ("org.ex_ample:links:1.0.0/0", "g:s:1.0.0+b.2/12", "g:s:2.0.0-rc.1/3"):
        name = edge_name(InstanceId(text))
        assert re.fullmatch(r"[A-Za-z0-9.:_-]+", name)
        assert instance_of(name) == text
    assert instance_of("anything else") == "anything else"
