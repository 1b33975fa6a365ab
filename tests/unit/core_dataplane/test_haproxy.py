"""What haproxy is told by commands, and what takes a reload."""

import re
from dataclasses import replace

import pytest
from msgspec.structs import replace as replace_row

from aether.core.dataplane.haproxy import Place, Plan, commands, leftovers, plan
from aether.core.dataplane.rows import Endpoint, RouteRow, SlicePolicy
from aether.core.dataplane.table import Table
from aether.core.model.ids import InstanceId, NodeId, SliceBase
from aether.core.model.traffic import VersionWeight

BASE = SliceBase("g:s")
PLACE = Place(folder="/etc/edge", runtime="/run/edge.sock", address="127.0.0.1", port=8070)
ROUTES = (RouteRow(method="GET", pattern="/a/{x}", slice=BASE),)


def endpoint(version: str, number: int, path: str = "") -> Endpoint:
    instance = InstanceId(f"{BASE}:{version}/{number}")
    socket = path or f"/run/{number}.sock"
    return Endpoint(instance=instance, slice=BASE, node=NodeId("n"), socket=socket)


A, B, C = endpoint("1.0.0", 0), endpoint("1.0.0", 1), endpoint("1.1.0+b", 2)
TABLE = Table(revision=1, node=NodeId("n"), routes=ROUTES, instances=(A, B))


def told(**changes: object) -> Plan:
    return plan(replace(TABLE, **changes), PLACE)  # type: ignore[arg-type] # fields of a table


def test_nothing_is_said_when_nothing_changed() -> None:
    assert commands(told(), told(revision=9)) == []


def test_a_server_is_added_enabled_and_taken_away_by_commands() -> None:
    before, after = told(), told(instances=(A, C))
    assert commands(before, after) == [
        "set server g:s/g:s:1.0.0:1 state maint",
        "add server g:s/g:s:1.1.0_b:2 unix@/run/2.sock weight 256 check inter 1s fall 2 rise 1",
        "enable health g:s/g:s:1.1.0_b:2",
        "enable server g:s/g:s:1.1.0_b:2",
    ]
    assert leftovers(before, after) == ["g:s/g:s:1.0.0:1"]


def test_a_weight_is_changed_by_a_command() -> None:
    weights = (VersionWeight(version="1.0.0", weight=1), VersionWeight(version="1.1.0+b", weight=2))
    policies = (SlicePolicy(slice=BASE, weights=weights),)
    after = told(instances=(A, C), policies=policies)
    assert commands(told(instances=(A, C)), after) == ["set server g:s/g:s:1.0.0:0 weight 128"]


@pytest.mark.parametrize(
    "changes",
    [
        {"routes": (*ROUTES, RouteRow(method="GET", pattern="/b", slice=BASE))},
        {"routes": (replace_row(ROUTES[0], timeout_s=1.0),)},
        {"routes": ()},
        {"instances": (A, endpoint("1.0.0", 1, "/run/other.sock"))},
    ],
)
def test_routes_times_and_addresses_take_a_reload(changes: dict[str, object]) -> None:
    assert commands(told(), told(**changes)) is None


def test_the_configuration_holds_every_server_where_its_slice_stands() -> None:
    other = SliceBase("g:other")
    after = told(routes=(*ROUTES, RouteRow(method="GET", pattern="/o", slice=other)))
    assert "{servers:" not in after.config
    backends = after.config.split("\nbackend ")
    assert sum(each.count("    server ") for each in backends if each.startswith("g:s\n")) == 2
    assert sum(each.count("    server ") for each in backends if each.startswith("g:other")) == 0


def test_a_line_of_the_map_fits_its_host_and_verb_only() -> None:
    routes = (
        RouteRow(method="GET", pattern="/a/{x}", slice=BASE, host="*.example.org"),
        RouteRow(method="POST", pattern="/a/{x}", slice=BASE, host="a.example.org"),
        RouteRow(method="*", pattern="/a/{x}", slice=BASE),
    )
    lines = [line.rpartition(" ")[0] for line in told(routes=routes).routes.splitlines()]
    exact, suffix, anywhere = map(re.compile, lines)
    assert exact.search("a.example.org|POST/a/1")
    assert not exact.search("xa.example.org|POST/a/1")
    assert suffix.search("b.example.org|HEAD/a/1")
    assert not suffix.search("bexample.org|GET/a/1")
    assert not suffix.search("b.example.org|PUT/a/1")
    assert anywhere.search("|PUT/a/1")
    assert not anywhere.search("x|PUT/b/a/1")


def test_the_port_speaks_tls_with_a_certificate_and_says_so_to_instances() -> None:
    tls = plan(TABLE, replace(PLACE, certificate="/etc/pki/shop.pem")).config
    bind = "    bind 127.0.0.1:8070"
    assert f"{bind} ssl crt /etc/pki/shop.pem alpn h2,http/1.1 ssl-min-ver TLSv1.2\n" in tls
    assert f"{bind}\n" in told().config
    assert "set-header x-forwarded-proto %[ssl_fc,iif(https,http)]" in tls
