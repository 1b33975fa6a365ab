"""Laws of what operators may do to nodes, over generated clusters."""

from collections.abc import Callable
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from aether.core.control.admission import Admitted, Rejected
from aether.core.control.margins import margin, margin_without
from aether.core.control.node_admission import (
    Voting,
    admit_activate,
    admit_drain,
    admit_removal,
    admit_shutdown,
    admit_topology,
)
from aether.core.model import keys
from aether.core.model.ids import NodeId
from aether.core.model.records import DrainOrder, TopologyRecord, Verdict, VerdictRecord, decode
from aether.core.model.view import ClusterView
from aether.core.store.commands import Delete, Put
from tests.worlds import node_record

NAMES = [NodeId(f"n{number}") for number in range(5)]
ORDERS = st.none() | st.builds(
    DrainOrder, by=st.just("api:x"), shutdown=st.booleans(), force=st.booleans()
)


@st.composite
def clusters(draw: st.DrawFn) -> ClusterView:
    """Up to five nodes with any verdicts; orders to drain where they may stand."""
    names = draw(st.lists(st.sampled_from(NAMES), unique=True, min_size=1))
    verdicts = {}
    for name in names:
        verdict = draw(st.sampled_from([None, *Verdict]))
        if verdict is None:
            continue
        order = draw(ORDERS)
        if verdict in (Verdict.DRAINING, Verdict.DECOMMISSIONED):
            order = order or DrainOrder(by="api:x")
        elif verdict in (Verdict.ON_DUTY, Verdict.JOINING):
            order = None
        verdicts[name] = VerdictRecord(verdict=verdict, incarnation="life-1", drain=order)
    return ClusterView(nodes={name: node_record(name) for name in names}, verdicts=verdicts)


@st.composite
def votings(draw: st.DrawFn) -> Voting:
    members = frozenset(draw(st.sets(st.sampled_from(NAMES), min_size=1)))
    voters = frozenset(draw(st.sets(st.sampled_from(sorted(members)), min_size=1)))
    answering = frozenset(draw(st.sets(st.sampled_from(sorted(members)))))
    return Voting(members=members, voters=voters, answering=answering)


def carried_out(view: ClusterView, decision: Admitted) -> ClusterView:
    """The view once the writes are in the store."""
    verdicts, held, topology = dict(view.verdicts), dict(view.nodes), view.topology
    for operation in decision.then:
        match operation:
            case Put(key, value) if key == keys.TOPOLOGY:
                topology = decode(value, TopologyRecord)
            case Put(key, value):
                name = NodeId(key.removeprefix(keys.VERDICTS))
                verdicts[name] = decode(value, VerdictRecord)
            case Delete(key):
                name = NodeId(key.partition("/")[2])
                (verdicts if key.startswith(keys.VERDICTS) else held).pop(name, None)
            case _:
                assert operation.prefix.startswith(keys.CONFIG)
    return replace(view, verdicts=verdicts, nodes=held, topology=topology)


@given(clusters(), st.sampled_from(NAMES), st.booleans(), st.booleans())
def test_asked_again_nothing_changes(
    view: ClusterView, node: NodeId, shutdown: bool, force: bool
) -> None:
    asks: tuple[Callable[[ClusterView], Admitted | Rejected], ...] = (
        lambda seen: admit_drain(seen, node, by="api:y", shutdown=shutdown, force=force),
        lambda seen: admit_activate(seen, node),
        lambda seen: admit_topology(seen, 3, 5),
    )
    for ask in asks:
        decision = ask(view)
        if isinstance(decision, Admitted):
            again = ask(carried_out(view, decision))
            assert isinstance(again, Admitted)
            assert not again.changed


@given(clusters(), st.sampled_from(NAMES), st.booleans(), st.booleans())
def test_activate_takes_any_drain_back(
    view: ClusterView, node: NodeId, shutdown: bool, force: bool
) -> None:
    decision = admit_drain(view, node, by="api:y", shutdown=shutdown, force=force)
    if isinstance(decision, Rejected):
        assert node not in view.nodes
        return
    drained = carried_out(view, decision)
    order = drained.verdicts[node].drain
    assert order is not None
    assert (order.shutdown >= shutdown, order.force >= force) == (True, True)
    back = admit_activate(drained, node)
    assert isinstance(back, Admitted)
    after = carried_out(drained, back).verdicts[node]
    assert after.drain is None
    assert after.verdict not in (Verdict.DRAINING, Verdict.DECOMMISSIONED)


@given(clusters(), votings(), st.sampled_from(NAMES), st.booleans(), st.booleans())
def test_a_removal_leaves_a_quorum_and_takes_nobody_who_serves(
    view: ClusterView, voting: Voting, node: NodeId, runs: bool, force: bool
) -> None:
    decision = admit_removal(view, node, voting, runs=runs, force=force)
    if isinstance(decision, Rejected):
        return
    assert not runs
    verdict = view.verdicts.get(node)
    assert node not in view.nodes or (
        verdict is not None and verdict.verdict in (Verdict.LOST, Verdict.DECOMMISSIONED)
    )
    left = margin_without(node, voting.voters, voting.answering)
    if node in voting.voters:
        assert left.may_fail >= 0
        assert left.voters > 0
    after = carried_out(view, decision)
    assert node not in after.nodes
    assert node not in after.verdicts
    assert {*view.nodes} - {*after.nodes} <= {node}


@given(clusters(), votings(), st.data())
@settings(max_examples=60)
def test_however_many_are_shut_down_the_quorum_stays(
    view: ClusterView, voting: Voting, data: st.DataObject
) -> None:
    if margin(voting.voters, voting.answering).may_fail < 0:
        return
    view = replace(view, verdicts={})
    for node in data.draw(st.permutations(sorted(view.nodes))):
        decision = admit_shutdown(view, node, voting, by="api:y")
        if isinstance(decision, Admitted):
            view = carried_out(view, decision)
    stopped = {node for node, record in view.verdicts.items() if record.drain is not None}
    left = margin(voting.voters, voting.answering - stopped)
    assert left.may_fail >= 0 or not stopped & voting.voters


@given(clusters(), votings(), st.sampled_from(NAMES))
def test_equal_clusters_give_equal_answers_in_whatever_order_they_were_read(
    view: ClusterView, voting: Voting, node: NodeId
) -> None:
    mirrored = replace(
        view,
        nodes=dict(reversed(list(view.nodes.items()))),
        verdicts=dict(reversed(list(view.verdicts.items()))),
    )
    assert admit_drain(view, node, by="x") == admit_drain(mirrored, node, by="x")
    assert admit_removal(view, node, voting, runs=False) == admit_removal(
        mirrored, node, voting, runs=False
    )
