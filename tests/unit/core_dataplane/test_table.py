"""The table's plain form and its check."""

from dataclasses import replace

import pytest
from msgspec.structs import replace as replace_row

from aether.core.dataplane.table import Endpoint, RouteRow, Table, from_plain, to_plain
from aether.core.model.ids import InstanceId, NodeId, SliceBase

BASE = SliceBase("org.example:links")
HERE, THERE = NodeId("node-1"), NodeId("node-2")
ROUTE = RouteRow(method="POST", pattern="/api/v1/urls", slice=BASE)
LOCAL = Endpoint(
    instance=InstanceId(f"{BASE}:1.0.0/0"), slice=BASE, node=HERE, socket="/run/i.sock"
)
REMOTE = Endpoint(
    instance=InstanceId(f"{BASE}:1.0.0/1"), slice=BASE, node=THERE, mesh="127.0.0.1:6202"
)
TABLE = Table(
    revision=17, node=HERE, routes=(ROUTE,), instances=(LOCAL, REMOTE), peers=(HERE, THERE)
)


def test_plain_form_is_that_of_the_wire() -> None:
    plain = {
        "revision": 17,
        "node": "node-1",
        "routes": [
            {
                "method": "POST",
                "pattern": "/api/v1/urls",
                "slice": "org.example:links",
                "timeout_s": 30.0,
                "body_limit": 16777216,
                "host": "",
                "attempts": 3,
                "hedge_after_s": 0.0,
                "rate": 0.0,
                "burst": 0,
                "auth": "",
                "api_version": "",
                "deprecated": "",
                "sunset": "",
            }
        ],
        "instances": [
            {
                "instance": "org.example:links:1.0.0/0",
                "slice": "org.example:links",
                "node": "node-1",
                "socket": "/run/i.sock",
                "mesh": "",
                "zone": "",
            },
            {
                "instance": "org.example:links:1.0.0/1",
                "slice": "org.example:links",
                "node": "node-2",
                "socket": "",
                "mesh": "127.0.0.1:6202",
                "zone": "",
            },
        ],
        "zone": "",
        "policies": [],
        "peers": ["node-1", "node-2"],
    }
    assert to_plain(TABLE) == plain
    assert from_plain(plain) == TABLE


@pytest.mark.parametrize(
    "value",
    [None, [], {}, {"revision": "x", "node": "n"}, {"revision": 1, "node": "n", "routes": 3}],
)
def test_other_values_are_refused(value: object) -> None:
    with pytest.raises(ValueError, match="not a Table"):
        from_plain(value)


def test_a_sound_table_has_no_problems() -> None:
    assert TABLE.check() == []


@pytest.mark.parametrize(
    ("route", "problem"),
    [
        (ROUTE, "matches the same paths"),
        (replace_row(ROUTE, method="post"), "upper-case"),
        (replace_row(ROUTE, pattern="x"), "slash"),
        (replace_row(ROUTE, pattern="/x", timeout_s=0), "timeout_s"),
        (replace_row(ROUTE, pattern="/x", timeout_s=float("nan")), "timeout_s"),
        (replace_row(ROUTE, pattern="/x", body_limit=-1), "body_limit"),
    ],
)
def test_bad_routes_are_named(route: RouteRow, problem: str) -> None:
    (sentence,) = replace(TABLE, routes=(ROUTE, route)).check()
    assert problem in sentence


def test_patterns_that_differ_in_names_only_are_named() -> None:
    routes = (replace_row(ROUTE, pattern="/{a}"), replace_row(ROUTE, pattern="/{b}"))
    (sentence,) = replace(TABLE, routes=routes).check()
    assert sentence == "route POST /{b} matches the same paths as POST /{a}"


@pytest.mark.parametrize(
    ("endpoint", "problem"),
    [
        (LOCAL, "twice"),
        (replace(REMOTE, mesh=""), "either"),
        (replace(LOCAL, mesh="h:1"), "either"),
        (replace(REMOTE, node=HERE), "is local and has no socket"),
        (replace(LOCAL, node=THERE), "is remote and has no mesh"),
        (replace(REMOTE, mesh="h"), "not host:port"),
        (replace(REMOTE, mesh="h:0"), "not host:port"),
        (replace(LOCAL, socket="run/i.sock"), "not an absolute path"),
        (replace(LOCAL, slice=SliceBase("a:b")), "listed for slice a:b"),
    ],
)
def test_bad_endpoints_are_named(endpoint: Endpoint, problem: str) -> None:
    table = replace(TABLE, instances=(LOCAL, endpoint) if endpoint == LOCAL else (endpoint,))
    (sentence,) = table.check()
    assert problem in sentence


def test_negative_revision_is_named() -> None:
    assert replace(TABLE, revision=-1).check() == ["revision -1 is negative"]


@pytest.mark.parametrize("peers", [(THERE, HERE), (HERE, HERE)])
def test_peers_out_of_order_are_named(peers: tuple[NodeId, ...]) -> None:
    (sentence,) = replace(TABLE, peers=peers).check()
    assert sentence.startswith("peers are not sorted, or one is listed twice: ('node-")


def test_a_table_with_another_peer_says_something_else() -> None:
    assert not TABLE.says_the_same(replace(TABLE, peers=(HERE,)))
    assert TABLE.says_the_same(replace(TABLE, revision=18))
