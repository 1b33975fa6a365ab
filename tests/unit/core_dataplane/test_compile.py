"""From views to tables: who is listed, by which address, and what is left out."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from aether.core.dataplane.compile import TableCompiler, compile_table
from aether.core.model.ids import InstanceId, NodeId, SliceBase
from aether.core.model.lifecycle import Phase
from aether.core.model.records import (
    NodeRecord,
    PhaseRecord,
    RouteRecord,
    Verdict,
    VerdictRecord,
)
from aether.core.model.view import ClusterView

BASE = SliceBase("org.example:links")
ONE, TWO = NodeId("node-1"), NodeId("node-2")


def instance(ordinal: int) -> InstanceId:
    return InstanceId(f"{BASE}:1.0.0/{ordinal}")


def node(name: NodeId, mesh: str = "10.0.0.9:8092") -> NodeRecord:
    return NodeRecord(
        node=name, incarnation="i", management="", cluster="", raft="", router="", mesh=mesh
    )


def active(socket: str = "/run/i.sock", incarnation: str = "i") -> PhaseRecord:
    return PhaseRecord(
        state=Phase.ACTIVE, observed_generation=1, incarnation=incarnation, socket=socket
    )


def view(
    phases: Mapping[tuple[NodeId, InstanceId], PhaseRecord],
    verdict: Verdict | None = None,
    mesh: str = "10.0.0.9:8092",
) -> ClusterView:
    return ClusterView(
        revision=7,
        nodes={ONE: node(ONE), TWO: node(TWO, mesh)},
        verdicts={} if verdict is None else {TWO: VerdictRecord(verdict=verdict, incarnation="i")},
        phases=phases,
        routes={("GET", "/{code}"): RouteRecord(slice=BASE, timeout_s=2.0, body_limit=10)},
    )


def test_lists_local_instances_by_socket_and_others_by_mesh() -> None:
    seen = view({(TWO, instance(1)): active(), (ONE, instance(0)): active()})
    table = compile_table(seen, ONE)
    assert table.check() == []
    assert (table.revision, table.node) == (7, ONE)
    assert [(e.instance, e.socket, e.mesh) for e in table.instances] == [
        (instance(0), "/run/i.sock", ""),
        (instance(1), "", "10.0.0.9:8092"),
    ]
    (row,) = table.routes
    assert (row.method, row.pattern, row.timeout_s, row.body_limit) == ("GET", "/{code}", 2.0, 10)


@pytest.mark.parametrize(
    ("verdict", "listed"),
    [
        (None, True),
        (Verdict.JOINING, True),
        (Verdict.ON_DUTY, True),
        (Verdict.SUSPECT, True),
        (Verdict.DRAINING, True),
        (Verdict.LOST, False),
        (Verdict.DECOMMISSIONED, False),
    ],
)
def test_nodes_that_are_gone_are_left_out(verdict: Verdict | None, listed: bool) -> None:
    table = compile_table(view({(TWO, instance(0)): active()}, verdict), ONE)
    assert bool(table.instances) is listed
    assert table.routes, "routes stay: their callers hear 503, not 404"


def test_only_what_serves_in_the_present_life_is_listed() -> None:
    stale = view({(ONE, instance(0)): active(incarnation="before")})
    assert compile_table(stale, ONE).instances == ()
    loading = PhaseRecord(state=Phase.LOADED, observed_generation=1, incarnation="i", socket="/s")
    assert compile_table(view({(ONE, instance(0)): loading}), ONE).instances == ()


def test_instances_without_an_address_are_left_out() -> None:
    phases = {(ONE, instance(0)): active(socket=""), (TWO, instance(1)): active()}
    assert compile_table(view(phases, mesh="nowhere"), ONE).instances == ()


def test_instance_on_two_nodes_is_listed_once_and_here() -> None:
    phases = {(ONE, instance(0)): active(), (TWO, instance(0)): active()}
    for name in (ONE, TWO):
        table = compile_table(view(phases), name)
        assert table.check() == []
        assert [each.node for each in table.instances] == [name]


def test_routes_that_cannot_be_are_left_out() -> None:
    record = RouteRecord(slice=BASE, timeout_s=2.0, body_limit=10)
    seen = ClusterView(
        routes={
            ("GET", "/{b}"): record,
            ("GET", "/{a}"): record,
            ("GET", "no-slash"): record,
            ("get", "/x"): record,
            ("GET", "/y"): RouteRecord(slice=BASE, timeout_s=0, body_limit=10),
        }
    )
    table = compile_table(seen, ONE)
    assert [row.pattern for row in table.routes] == ["/{a}"]
    assert table.check() == []


def test_what_has_not_changed_is_the_very_same_in_the_next_table() -> None:
    compiler = TableCompiler(ONE)
    first = compiler.compile(view({(ONE, instance(0)): active(), (TWO, instance(1)): active()}))
    again = compiler.compile(
        replace(view({(TWO, instance(1)): active(), (ONE, instance(0)): active()}), revision=8)
    )
    assert (first.revision, again.revision) == (7, 8)
    assert again.routes is first.routes
    assert again.instances is first.instances
    moved = view({(ONE, instance(0)): active("/run/other.sock"), (TWO, instance(1)): active()})
    last = compiler.compile(moved)
    assert [endpoint.address for endpoint in last.instances] == ["/run/other.sock", "10.0.0.9:8092"]
    assert last.instances[1] is first.instances[1]


def test_a_view_that_could_not_be_compiled_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = TableCompiler(ONE)
    seen = view({(ONE, instance(0)): active(), (TWO, instance(0)): active()})
    with monkeypatch.context() as patch:
        patch.setattr(TableCompiler, "_rank", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            compiler.compile(seen)
    assert compiler.compile(seen) == compile_table(seen, ONE)


def test_an_instance_that_moved_is_reached_where_it_is_now() -> None:
    compiler = TableCompiler(ONE)
    found = [
        [endpoint.node for endpoint in compiler.compile(view(phases)).instances]
        for phases in (
            {(TWO, instance(0)): active()},
            {(TWO, instance(0)): active(), (ONE, instance(0)): active()},
            {(ONE, instance(0)): active()},
            {},
        )
    ]
    assert found == [[TWO], [ONE], [ONE], []]


@pytest.mark.parametrize("state", [each for each in Phase if each is not Phase.ACTIVE])
def test_an_instance_vanishes_with_the_first_fact_that_it_does_not_serve(state: Phase) -> None:
    compiler = TableCompiler(ONE)
    serving = {(ONE, instance(0)): active(), (TWO, instance(1)): active()}
    assert len(compiler.compile(view(serving)).instances) == 2
    leaving = {**serving, (TWO, instance(1)): replace(active(), state=state)}
    assert [e.instance for e in compiler.compile(view(leaving)).instances] == [instance(0)]


def test_peers_are_all_nodes_with_a_record_even_one_that_cannot_be_read() -> None:
    unreadable = {"node/node-9": "written by a later release", "verdict/node-8": "of no node"}
    table = compile_table(ClusterView(unreadable=unreadable), NodeId("node-1"))
    assert table.peers == ("node-9",)
