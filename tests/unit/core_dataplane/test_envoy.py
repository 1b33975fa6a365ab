"""Envoy's files follow the table, and no route ever names a cluster that is not there."""

from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from aether.core.dataplane.envoy import CLUSTERS, ENDPOINTS, bootstrap, snapshot, steps
from aether.core.dataplane.envoy_listener import ROUTES, Place
from aether.core.dataplane.rows import Endpoint, RouteRow
from aether.core.dataplane.table import Table
from aether.core.model.ids import InstanceId, NodeId, SliceBase

FOLDER = "/etc/edge"
PLACE = Place(folder=FOLDER, address="127.0.0.1", port=8070)
BASES = tuple(SliceBase(f"g:s{number}") for number in range(4))


def table(bases: set[SliceBase]) -> Table:
    return Table(
        revision=1,
        node=NodeId("n"),
        routes=tuple(
            RouteRow(method="GET", pattern=f"/{base.partition(':')[2]}", slice=base)
            for base in sorted(bases)
        ),
    )


def files(bases: set[SliceBase]) -> Mapping[str, Mapping[str, Any]]:
    return snapshot(table(bases), PLACE)


def named(folder: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Return the clusters that routes lead to."""
    hosts = folder[ROUTES]["resources"][0]["virtual_hosts"] if ROUTES in folder else []
    return {
        each["route"]["cluster"] for host in hosts for each in host["routes"] if "route" in each
    }


def there(folder: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Return the clusters that are defined and have their file of endpoints."""
    clusters = folder[CLUSTERS]["resources"] if CLUSTERS in folder else []
    return {each["name"] for each in clusters if f"{ENDPOINTS}/{each['name']}.json" in folder}


some = st.sets(st.sampled_from(BASES))


@given(st.lists(some, min_size=1, max_size=5))
def test_no_route_names_a_cluster_that_is_not_there_at_any_step(
    history: list[set[SliceBase]],
) -> None:
    folder: dict[str, Mapping[str, Any]] = {}
    before: Mapping[str, Mapping[str, Any]] = {}
    for bases in history:
        after = files(bases)
        for path, content in steps(before, after):
            folder[path] = content
            assert named(folder) <= there(folder)
        assert {path: folder[path] for path in after} == after
        before = after


@given(some)
def test_a_table_that_stands_still_writes_nothing(bases: set[SliceBase]) -> None:
    assert list(steps(files(bases), files(bases))) == []


def test_an_instance_here_is_a_socket_and_one_elsewhere_is_named_to_its_router() -> None:
    base = BASES[0]
    here = Endpoint(
        instance=InstanceId(f"{base}:1.0.0/0"), slice=base, node=NodeId("n"), socket="/run/a.sock"
    )
    away = Endpoint(
        instance=InstanceId(f"{base}:1.0.0/1"), slice=base, node=NodeId("m"), mesh="[::1]:8092"
    )
    routes = table({base}).routes
    whole = Table(revision=1, node=NodeId("n"), routes=routes, instances=(here, away))
    file = snapshot(whole, PLACE)[f"{ENDPOINTS}/{base}.json"]
    first, second = file["resources"][0]["endpoints"][0]["lb_endpoints"]
    assert first["endpoint"]["address"] == {"pipe": {"path": "/run/a.sock"}}
    address = {"address": "::1", "port_value": 8092}
    assert second["endpoint"]["address"] == {"socket_address": address}
    metadata = second["metadata"]["filter_metadata"]["aether.mesh"]
    assert metadata == {"instance": f"{base}:1.0.0/1"}


def test_only_what_may_be_sent_twice_is_sent_again_after_a_reset() -> None:
    row = RouteRow(method="*", pattern="/a", slice=BASES[0])
    once = RouteRow(method="GET", pattern="/once", slice=BASES[0], attempts=1)
    whole = Table(revision=1, node=NodeId("n"), routes=(row, once))
    routes = snapshot(whole, PLACE)[ROUTES]["resources"][0]["virtual_hosts"][0]["routes"]
    repeated, rest, single = [each["route"].get("retry_policy", {}) for each in routes[1:]]
    assert repeated["retry_on"].endswith(",reset")
    assert not rest["retry_on"].endswith(",reset")
    assert single == {}


def test_envoy_is_started_with_the_names_of_its_files() -> None:
    resources = bootstrap(FOLDER)["dynamic_resources"]
    assert resources["cds_config"]["path_config_source"]["path"] == "/etc/edge/cds.json"
    assert resources["lds_config"]["path_config_source"]["path"] == "/etc/edge/lds.json"
