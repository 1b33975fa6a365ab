"""Laws of routing tables: compiled step by step or at once, a view has one table."""

from hypothesis import given
from hypothesis import strategies as st

from aether.core.dataplane.compile import TableCompiler, compile_table
from aether.core.model import keys
from aether.core.model.ids import InstanceId, NodeId, SliceBase
from aether.core.model.lifecycle import Phase
from aether.core.model.projection import Projector
from aether.core.model.records import (
    NodeRecord,
    PhaseRecord,
    RouteRecord,
    TargetRecord,
    TrafficRecord,
    Verdict,
    VerdictRecord,
    encode,
)
from aether.core.model.traffic import VersionWeight
from aether.core.model.view import ClusterView
from tests.worlds import SHOP, STOCK

NODES = tuple(NodeId(f"node-{number}") for number in range(3))
INSTANCES = tuple(
    InstanceId(f"{base}:1.0.0/{number}") for base in (SHOP, STOCK) for number in range(3)
)
LIVES = ("life-1", "life-2")

nodes = st.sampled_from(NODES)
lives = st.sampled_from(LIVES)
slices = st.sampled_from((SHOP, STOCK))


def _node(name: NodeId, life: str, mesh: str, zone: str = "") -> tuple[str, bytes]:
    record = NodeRecord(
        node=name,
        incarnation=life,
        management="",
        cluster="",
        raft="",
        router="",
        mesh=mesh,
        labels={"zone": zone} if zone else {},
    )
    return keys.node(name), encode(record)


def _fact(
    name: NodeId, instance: InstanceId, state: Phase, life: str, socket: str
) -> tuple[str, bytes]:
    record = PhaseRecord(state=state, observed_generation=1, incarnation=life, socket=socket)
    return keys.phase(name, instance), encode(record)


def _route(method: str, pattern: str, timeout_s: float) -> tuple[str, bytes]:
    record = RouteRecord(slice=SHOP, timeout_s=timeout_s, body_limit=10)
    return keys.route(method, pattern), encode(record)


def _target(base: SliceBase, concurrency: int, affinity: str) -> tuple[str, bytes]:
    record = TargetRecord(
        version="1.0.0",
        instances=1,
        min_instances=1,
        max_instances=1,
        owner=base,
        generation=1,
        concurrency=concurrency,
        affinity=affinity,
    )
    return keys.target(base), encode(record)


def _traffic(base: SliceBase, weight: int) -> tuple[str, bytes]:
    weights = (VersionWeight(version="1.0.0", weight=weight),)
    return keys.traffic(base), encode(TrafficRecord(weights=weights))


writes = st.one_of(
    st.builds(
        _node,
        nodes,
        lives,
        st.sampled_from(("10.0.0.1:1", "10.0.0.2:1", "nowhere")),
        st.sampled_from(("", "east")),
    ),
    st.builds(
        _fact,
        nodes,
        st.sampled_from(INSTANCES),
        st.sampled_from((Phase.ACTIVE, Phase.ACTIVE, Phase.DEACTIVATING)),
        lives,
        st.sampled_from(("/a.sock", "/b.sock", "")),
    ),
    st.builds(
        _route,
        st.sampled_from(("GET", "POST", "*")),
        st.sampled_from(
            ("/", "/{a}", "a.org/{b}", "a.org/{a}", "/{b}", "/{a", "*/x", "/x/{*rest}")
        ),
        st.sampled_from((1.0, 2.0, 0.0)),
    ),
    st.builds(_target, slices, st.sampled_from((0, 3, -1)), st.sampled_from(("", "path:a", "x"))),
    st.builds(_traffic, slices, st.integers(-1, 2)),
    st.builds(
        lambda name, verdict: (
            keys.verdict(name),
            encode(VerdictRecord(verdict=verdict, incarnation="life-1")),
        ),
        nodes,
        st.sampled_from((Verdict.ON_DUTY, Verdict.LOST, Verdict.DECOMMISSIONED)),
    ),
)
steps = st.one_of(writes, st.builds(lambda write: (write[0], None), writes))
histories = st.lists(st.lists(steps, max_size=8), min_size=1, max_size=8)


def views(history: list[list[tuple[str, bytes | None]]]) -> list[ClusterView]:
    """What a projector shows after each batch of writes, the first of which makes the nodes known."""
    held = {key: (value, 0) for key, value in (_node(n, "life-1", "10.0.0.1:1") for n in NODES)}
    projector, revision, found = Projector(), 0, list[ClusterView]()
    for batch in history:
        for key, value in batch:
            revision += 1
            if value is None:
                held.pop(key, None)
            else:
                held[key] = (value, revision)
        entries = [(key, *held[key]) for key in sorted(held)]
        found.append(projector.project(entries, revision))
    return found


@given(histories, nodes)
def test_step_by_step_gives_the_table_that_is_made_at_once(
    history: list[list[tuple[str, bytes | None]]], node: NodeId
) -> None:
    compiler = TableCompiler(node)
    for view in views(history):
        assert compiler.compile(view) == compile_table(view, node)


@given(histories, nodes)
def test_every_table_is_free_of_contradictions(
    history: list[list[tuple[str, bytes | None]]], node: NodeId
) -> None:
    for view in views(history):
        assert compile_table(view, node).check() == []


@given(histories, nodes)
def test_the_order_of_facts_does_not_matter(
    history: list[list[tuple[str, bytes | None]]], node: NodeId
) -> None:
    view = views(history)[-1]
    turned = ClusterView(
        revision=view.revision,
        nodes=dict(reversed(list(view.nodes.items()))),
        verdicts=view.verdicts,
        phases=dict(reversed(list(view.phases.items()))),
        routes=dict(reversed(list(view.routes.items()))),
        targets=dict(reversed(list(view.targets.items()))),
        traffic=dict(reversed(list(view.traffic.items()))),
    )
    assert compile_table(turned, node) == compile_table(view, node)


@given(histories, nodes)
def test_an_instance_is_listed_where_it_is_active_in_the_present_life_of_a_node_that_is_not_gone(
    history: list[list[tuple[str, bytes | None]]], node: NodeId
) -> None:
    gone = (Verdict.LOST, Verdict.DECOMMISSIONED)
    for view in views(history):
        table = compile_table(view, node)
        for endpoint in table.instances:
            assert view.is_active((endpoint.node, endpoint.instance))
            verdict = view.verdicts.get(endpoint.node)
            assert verdict is None or verdict.verdict not in gone
        here = {
            instance
            for (home, instance), fact in view.phases.items()
            if home == node and view.is_active((home, instance)) and fact.socket
        }
        verdict = view.verdicts.get(node)
        if verdict is None or verdict.verdict not in gone:
            assert {one.instance for one in table.instances if one.node == node} == here


@given(histories, nodes)
def test_rows_that_are_as_they_were_are_the_same_objects_in_their_order(
    history: list[list[tuple[str, bytes | None]]], node: NodeId
) -> None:
    compiler, before = TableCompiler(node), compile_table(ClusterView(), node)
    for view in views(history):
        table = compiler.compile(view)
        for was, now in (
            (before.routes, table.routes),
            (before.instances, table.instances),
            (before.policies, table.policies),
        ):
            known = {row.key: row for row in was}
            assert all(known[row.key] is row for row in now if known.get(row.key) == row)
            assert [row.key for row in now] == sorted(row.key for row in now)
            assert (was == now) is (was is now)
        before = table


@given(histories, nodes)
def test_rows_say_what_the_records_say(
    history: list[list[tuple[str, bytes | None]]], node: NodeId
) -> None:
    for view in views(history):
        table = compile_table(view, node)
        assert table.peers == tuple(sorted(view.nodes))
        for endpoint in table.instances:
            assert endpoint.node in table.peers
            assert endpoint.zone == view.nodes[endpoint.node].labels.get("zone", "")
        for row in table.routes:
            record = view.routes[row.method, f"{row.host}{row.pattern}"]
            assert (row.slice, row.timeout_s) == (record.slice, record.timeout_s)
        for policy in table.policies:
            target, traffic = view.targets.get(policy.slice), view.traffic.get(policy.slice)
            assert policy.weights == (traffic.weights if traffic else ())
            assert policy.concurrency == (target.concurrency if target else 0)
