"""What the balancer is asked for a request."""

import pytest

from aether.core.dataplane.table import Endpoint, RouteRow, SlicePolicy, SplitRule
from aether.core.model.ids import InstanceId, NodeId, SliceBase
from aether.dataplane.choosing import choice_for, plain_choice
from aether.dataplane.heads import RequestHead, RequestReader
from aether.dataplane.routing import Forward

BASE = SliceBase("a:b")
ENDPOINTS = (
    Endpoint(instance=InstanceId("a:b:1.0.0/0"), slice=BASE, node=NodeId("n"), socket="/s"),
)
ROW = RouteRow(method="GET", pattern="/users/{user}/orders", slice=BASE)


def head(*lines: str) -> RequestHead:
    start = "GET /users/j%C3%B8rn/orders?x=1 HTTP/1.1"
    return RequestReader().read("\r\n".join([start, "Host: h", *lines, "", ""]).encode())


def forward(policy: SlicePolicy | None) -> Forward:
    parameter = policy.affinity_key[1] if policy and policy.affinity.startswith("path:") else ""
    return Forward(BASE, ENDPOINTS, 5.0, 10, row=ROW, policy=policy, parameter=parameter)


def test_requests_of_most_slices_are_all_the_same_to_the_balancer() -> None:
    for policy in (None, SlicePolicy(slice=BASE, balance="random", concurrency=5)):
        choice = plain_choice(forward(policy))
        assert choice is not None
        assert (choice.slice, choice.endpoints, choice.key) == (BASE, ENDPOINTS, b"")


@pytest.mark.parametrize(
    ("affinity", "key"),
    [
        ("header:x-user", b"Ada"),
        ("header:x-other", b""),
        ("cookie:session", b"s-1"),
        ("cookie:other", b""),
        ("path:user", "jørn".encode()),
    ],
)
def test_affinity_is_read_where_the_slice_says(affinity: str, key: bytes) -> None:
    made = forward(SlicePolicy(slice=BASE, affinity=affinity))
    assert plain_choice(made) is None
    asked = head("X-User:  Ada ", "Cookie: a=b; session=s-1")
    assert choice_for(made, asked).key == key


@pytest.mark.parametrize(
    ("lines", "version"),
    [
        (("x-beta: yes",), "2.0.0"),
        (("x-beta: no",), ""),
        ((), ""),
        (("Cookie: ring=inner",), "3.0.0"),
        (("x-beta: yes", "Cookie: ring=inner"), "2.0.0"),
    ],
)
def test_the_first_rule_that_fits_names_the_version(lines: tuple[str, ...], version: str) -> None:
    rules = (
        SplitRule(version="2.0.0", header="x-beta", value="yes"),
        SplitRule(version="3.0.0", cookie="ring", value="inner"),
    )
    made = forward(SlicePolicy(slice=BASE, rules=rules))
    assert choice_for(made, head(*lines)).version == version


def test_cookies_beyond_reason_are_not_read() -> None:
    made = forward(SlicePolicy(slice=BASE, affinity="cookie:session"))
    assert choice_for(made, head("Cookie: session=s; x=" + "y" * 9000)).key == b""


def test_a_cookie_is_found_beside_what_browsers_should_not_send() -> None:
    made = forward(SlicePolicy(slice=BASE, affinity="cookie:session"))
    asked = head('Cookie: odd name[1]=x; flag; session="s-1"; empty=')
    assert choice_for(made, asked).key == b"s-1"
