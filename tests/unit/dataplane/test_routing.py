"""What becomes of a request, by the door it came through."""

from dataclasses import replace
from itertools import pairwise

import pytest

from aether.core.dataplane.table import Endpoint, RouteRow, SlicePolicy, Table
from aether.core.model.ids import InstanceId, NodeId, SliceBase
from aether.dataplane.heads import RequestHead, RequestReader
from aether.dataplane.problems import Problem
from aether.dataplane.routing import CALL_TIMEOUT_S, NO_ROW, Forward, Health, Listener, Routing

BASE = SliceBase("a:b")
HERE = Endpoint(
    instance=InstanceId("a:b:1.0.0/0"), slice=BASE, node=NodeId("n1"), socket="/run/0.sock"
)
THERE = Endpoint(
    instance=InstanceId("a:b:1.0.0/1"), slice=BASE, node=NodeId("n2"), mesh="127.0.0.1:1"
)
ROUTING = Routing(
    Table(
        revision=1,
        node=NodeId("n1"),
        routes=(
            RouteRow(method="GET", pattern="/{x}", slice=BASE, timeout_s=2.0, body_limit=10),
            RouteRow(method="*", pattern="/all/{*rest}", slice=BASE),
        ),
        instances=(HERE, THERE),
    )
)


def decide(
    listener: Listener, path: str, *lines: str, method: str = "GET"
) -> Forward | Health | Problem:
    data = "\r\n".join([f"{method} {path} HTTP/1.1", "Host: h", *lines, "", ""]).encode()
    return ROUTING.decide(listener, RequestReader().read(data))


@pytest.mark.parametrize("listener", [Listener.PUBLIC, Listener.LOCAL])
def test_path_leads_to_every_endpoint_of_its_slice(listener: Listener) -> None:
    row = ROUTING.table.routes[0]
    assert decide(listener, "/x?y") == Forward(
        BASE, (HERE, THERE), 2.0, 10, row=row, key=0, series="GET /{x} a:b"
    )


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/x/y", "GET", 404),
        ("/x", "PUT", 405),
        ("/_aether/health", "GET", 404),
        ("/all/_aether/call/x", "POST", 404),
        ("/all/%5f%61ether/call/x", "POST", 404),
        ("/all/x_aether", "POST", 0),
        ("/all/%41", "POST", 0),
    ],
)
def test_public_door(path: str, method: str, status: int) -> None:
    choice = decide(Listener.PUBLIC, path, method=method)
    assert (choice.status if isinstance(choice, Problem) else 0) == status


def test_announced_body_over_the_limit() -> None:
    choice = decide(Listener.PUBLIC, "/x", "Content-Length: 11")
    assert isinstance(choice, Problem)
    assert (choice.status, choice.code) == (413, "too_large")
    assert isinstance(decide(Listener.PUBLIC, "/x", "Content-Length: 10"), Forward)


def test_local_door_takes_calls_and_health() -> None:
    assert isinstance(decide(Listener.LOCAL, "/_aether/health"), Health)
    call = decide(Listener.LOCAL, "/_aether/call/x", "x-aether-slice: a:b", method="POST")
    assert isinstance(call, Forward)
    assert (call.endpoints, call.timeout_s) == ((HERE, THERE), CALL_TIMEOUT_S)
    unknown = decide(Listener.LOCAL, "/_aether/call/x", "x-aether-slice: x:y", method="POST")
    assert isinstance(unknown, Forward)
    assert unknown.endpoints == ()


def test_public_door_does_not_honour_internal_headers() -> None:
    for line in ("x-aether-slice: a:b", "x-aether-instance: a:b:1.0.0/0"):
        choice = decide(Listener.PUBLIC, "/x/y/z", line)
        assert isinstance(choice, Problem)


def test_mesh_door_hands_to_one_local_instance() -> None:
    routed = decide(Listener.MESH, "/x", "x-aether-instance: a:b:1.0.0/0")
    first = ROUTING.table.routes[0]
    assert routed == Forward(BASE, (HERE,), 2.0, 10, row=first, key=0, series="GET /{x} a:b")
    call = decide(Listener.MESH, "/_aether/call/x", "x-aether-instance: a:b:1.0.0/0")
    assert isinstance(call, Forward)
    assert (call.endpoints, call.timeout_s) == ((HERE,), CALL_TIMEOUT_S)


def test_mesh_door_takes_the_name_a_foreign_proxy_has_for_an_instance() -> None:
    routed = decide(Listener.MESH, "/x", "x-aether-instance: a:b:1.0.0/0")
    assert isinstance(routed, Forward)
    assert decide(Listener.MESH, "/x", "x-aether-instance: a:b:1.0.0:0") == routed


@pytest.mark.parametrize("instance", ["a:b:1.0.0/1", "a:b:1.0.0/7", "rubbish"])
def test_mesh_door_refuses_what_is_not_here(instance: str) -> None:
    choice = decide(Listener.MESH, "/x", f"x-aether-instance: {instance}")
    assert isinstance(choice, Problem)
    assert choice.status == 503
    assert choice.headers["x-aether-refused"] == "not-here"
    assert "rubbish" not in choice.detail


OPEN = RouteRow(method="GET", pattern="/{*rest}", slice=BASE)
INSIDE = RouteRow(method="GET", pattern="/admin/{x}", slice=BASE, auth="internal")
HOSTED = RouteRow(method="GET", pattern="/admin/{x}", slice=BASE, host="*.a.org", api_version="3")
POLICY = SlicePolicy(slice=BASE, affinity="path:x", concurrency=4)


def routing(*routes: RouteRow, policies: tuple[SlicePolicy, ...] = ()) -> Routing:
    return Routing(
        Table(
            revision=1, node=NodeId("n1"), routes=routes, instances=(HERE, THERE), policies=policies
        )
    )


def asked(path: str, host: str = "h", method: str = "GET", *lines: str) -> RequestHead:
    data = "\r\n".join([f"{method} {path} HTTP/1.1", f"Host: {host}", *lines, "", ""]).encode()
    return RequestReader().read(data)


def test_internal_route_is_there_for_the_cluster_alone() -> None:
    made = routing(OPEN, INSIDE)
    outside = made.decide(Listener.PUBLIC, asked("/admin/1"))
    assert isinstance(outside, Problem)
    assert (outside.status, outside.code) == (404, "no_route")
    inside = made.decide(Listener.LOCAL, asked("/admin/1"))
    assert isinstance(inside, Forward)
    assert inside.row is INSIDE
    line = "x-aether-instance: a:b:1.0.0/0"
    over_the_mesh = made.decide(Listener.MESH, asked("/admin/1", "h", "GET", line))
    assert isinstance(over_the_mesh, Forward)
    assert over_the_mesh.row is INSIDE


def test_clients_are_not_told_of_methods_of_internal_routes() -> None:
    made = routing(INSIDE, RouteRow(method="POST", pattern="/shop", slice=BASE))
    for path, status in (("/admin/1", 404), ("/shop", 405)):
        choice = made.decide(Listener.PUBLIC, asked(path, method="PUT"))
        assert isinstance(choice, Problem)
        assert choice.status == status
    local = made.decide(Listener.LOCAL, asked("/admin/1", method="PUT"))
    assert isinstance(local, Problem)
    assert local.status == 405


def test_host_leads_to_its_own_routes() -> None:
    made = routing(OPEN, HOSTED)
    theirs = made.decide(Listener.PUBLIC, asked("/admin/1", "Shop.A.org:8080"))
    assert isinstance(theirs, Forward)
    assert (theirs.row, theirs.key) == (HOSTED, 1)
    others = made.decide(Listener.PUBLIC, asked("/admin/1", "b.org"))
    assert isinstance(others, Forward)
    assert (others.row, others.key) == (OPEN, 0)


def test_forward_carries_policy_notices_and_the_parameter_of_affinity() -> None:
    made = routing(HOSTED, policies=(POLICY,))
    forward = made.decide(Listener.PUBLIC, asked("/admin/J%C3%B6rg", "a.a.org"))
    assert isinstance(forward, Forward)
    assert (forward.policy, forward.notices) == (POLICY, b"x-api-version: 3\r\n")
    assert forward.path_key("/admin/J%C3%B6rg") == "Jörg".encode()
    call = made.decide(Listener.LOCAL, asked("/_aether/call/x", "h", "POST", "x-aether-slice: a:b"))
    assert isinstance(call, Forward)
    assert (call.row, call.key, call.policy) == (None, NO_ROW, POLICY)
    assert call.path_key("/_aether/call/x") == b""


def test_the_router_that_asks_over_the_mesh_has_told_the_notices() -> None:
    line = "x-aether-instance: a:b:1.0.0/0"
    forward = routing(HOSTED).decide(Listener.MESH, asked("/admin/1", "a.a.org", "GET", line))
    assert isinstance(forward, Forward)
    assert (forward.row, forward.notices) == (HOSTED, b"")


def test_one_object_serves_all_requests_of_a_route_until_its_slice_changes() -> None:
    other = RouteRow(method="GET", pattern="/other", slice=SliceBase("a:c"))
    made = routing(OPEN, other)
    before = [made.decide(Listener.PUBLIC, asked(path)) for path in ("/x", "/other")]
    assert made.decide(Listener.PUBLIC, asked("/y")) is before[0]
    later = Routing(replace(made.table, revision=2, instances=(HERE,)), made)
    after = [later.decide(Listener.PUBLIC, asked(path)) for path in ("/x", "/other")]
    assert isinstance(after[0], Forward)
    assert after[0].endpoints == (HERE,)
    assert after[1] is before[1]
    ruled = Routing(replace(later.table, policies=(POLICY,)), later)
    last = ruled.decide(Listener.PUBLIC, asked("/x"))
    assert isinstance(last, Forward)
    assert last.policy is POLICY
    assert made.decide(Listener.PUBLIC, asked("/x")) is before[0]


def test_calls_and_hops_of_the_mesh_are_one_object_each_too() -> None:
    made = routing(OPEN)
    call = asked("/_aether/call/x", "h", "POST", "x-aether-slice: a:b")
    hop = asked("/x", "h", "GET", "x-aether-instance: a:b:1.0.0/0")
    hop_call = asked("/_aether/call/x", "h", "POST", "x-aether-instance: a:b:1.0.0/0")
    choices = [
        made.decide(listener, head)
        for listener, head in [
            (Listener.LOCAL, call),
            (Listener.MESH, hop),
            (Listener.MESH, hop_call),
        ]
        for _ in range(2)
    ]
    assert all(isinstance(choice, Forward) for choice in choices)
    assert [one is other for one, other in pairwise(choices)] == [True, False] * 2 + [True]
    later = Routing(replace(made.table, instances=(THERE,)), made)
    assert isinstance(later.decide(Listener.MESH, hop), Problem)
    moved = later.decide(Listener.LOCAL, call)
    assert isinstance(moved, Forward)
    assert moved.endpoints == (THERE,)
