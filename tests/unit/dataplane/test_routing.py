"""What becomes of a request, by the door it came through."""

import pytest

from aether.core.dataplane.table import Endpoint, RouteRow, Table
from aether.core.model.ids import InstanceId, NodeId, SliceBase
from aether.dataplane.heads import RequestReader
from aether.dataplane.problems import Problem
from aether.dataplane.routing import CALL_TIMEOUT_S, Forward, Health, Listener, Routing

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
