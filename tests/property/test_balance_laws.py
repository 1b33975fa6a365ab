"""Laws of balancing: it evens out, comes to rest, and breaks nothing on the way."""

from collections import Counter
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from aether.core.control.balance import RULES, rebalance
from aether.core.control.budgets import max_surge
from aether.core.control.convergence import converge
from aether.core.control.placement import Occupancy
from aether.core.control.ranking import zone_of
from aether.core.control.relocation import Crowd, Relocation, gain
from aether.core.control.signals import ControlSettings
from aether.core.model.ids import Artifact, InstanceId, NodeId, SliceBase
from aether.core.model.lifecycle import Desired
from aether.core.model.plan import Plan, Wish, carry_out
from aether.core.model.records import (
    BlueprintRecord,
    Placement,
    SliceSpec,
    TargetRecord,
    Verdict,
    VerdictRecord,
)
from aether.core.model.view import ClusterView
from tests.worlds import all_heard, fact, node_record, obey, wish

OWNER = SliceBase("org.example:app")
placements = st.builds(
    Placement,
    spread=st.sampled_from(["node", "zone"]),
    require=st.sampled_from([{}, {}, {"disk": "ssd"}]),
)


@st.composite
def clusters(draw: st.DrawFn) -> ClusterView:
    """Everything serves, on whichever node; labels, zones and sizes of any kind."""
    view = ClusterView()
    nodes, verdicts = {}, {}
    for number in range(draw(st.integers(1, 5))):
        name = NodeId(f"n{number}")
        labels = {"zone": draw(st.sampled_from("abc")), "disk": draw(st.sampled_from(["ssd", ""]))}
        nodes[name] = replace(node_record(name, capacity=draw(st.integers(4, 20))), labels=labels)
        kind = draw(st.sampled_from([Verdict.ON_DUTY] * 6 + [Verdict.DRAINING, Verdict.LOST]))
        verdicts[name] = VerdictRecord(verdict=kind, incarnation="life-1")
    specs, targets, wanted, phases = [], {}, {}, {}
    held: Counter[NodeId] = Counter()
    for number in range(draw(st.integers(1, 4))):
        base = SliceBase(f"org.example:s{number}")
        placement = draw(placements)
        fit = [
            node
            for node, record in nodes.items()
            if verdicts[node].verdict is Verdict.ON_DUTY
            and placement.require.items() <= record.labels.items()
        ]
        count = draw(st.integers(1, 5)) if fit else 0
        for ordinal in range(count):
            node = draw(st.sampled_from(fit))
            if held[node] < nodes[node].capacity:
                held[node] += 1
                placed = (node, InstanceId(f"{base}:1.0.0/{ordinal}"))
                wanted[placed], phases[placed] = wish(), fact()
        there = sum(1 for _, instance in wanted if instance.base == base)
        specs.append(SliceSpec(artifact=Artifact(f"{base}:1.0.0"), instances=max(1, there)))
        targets[base] = TargetRecord(
            version="1.0.0",
            instances=max(1, there),
            min_instances=1,
            max_instances=99,
            owner=OWNER,
            generation=1,
            placement=placement,
        )
    record = BlueprintRecord(id=Artifact(f"{OWNER}:1.0.0"), generation=1, slices=tuple(specs))
    return replace(
        view,
        nodes=nodes,
        verdicts=verdicts,
        blueprints={OWNER: record},
        targets=targets,
        wanted=wanted,
        phases=phases,
    )


def make(view: ClusterView, move: Wish) -> ClusterView:
    """The view after the move: the new instance serves, the old one is gone."""
    node, _, instance = move.record.replaces.partition("/")
    victim = (NodeId(node), InstanceId(instance))
    moved = carry_out(view, [move])
    serves = replace(wish(), config=move.record.config, tried=move.record.tried)
    there = (move.node, move.instance)
    return replace(
        moved,
        wanted={**{p: w for p, w in moved.wanted.items() if p != victim}, there: serves},
        phases={**{p: f for p, f in moved.phases.items() if p != victim}, there: fact()},
    )


def rest(view: ClusterView) -> tuple[ClusterView, int]:
    """Make every move; return the view at rest and how many moves it took."""
    moves = 0
    while (move := rebalance(view)) is not None:
        moves += 1
        assert moves <= 4 * len(view.wanted), "no rest"
        view = make(view, move)
    return view, moves


@given(clusters())
@settings(deadline=None)
def test_it_comes_to_rest_after_few_moves_and_then_moves_nothing(view: ClusterView) -> None:
    end, moves = rest(view)
    assert rebalance(end) is None
    assert moves <= 2 * len(view.wanted)


@given(clusters())
@settings(deadline=None)
def test_no_move_is_ever_taken_back(view: ClusterView) -> None:
    """No spread of instances over nodes comes twice."""

    def spread(of: ClusterView) -> frozenset[tuple[NodeId, SliceBase, int]]:
        held = Counter((node, instance.base) for node, instance in of.wanted)
        return frozenset((node, base, count) for (node, base), count in held.items())

    seen = {spread(view)}
    while (move := rebalance(view)) is not None:
        view = make(view, move)
        assert spread(view) not in seen
        seen.add(spread(view))


@given(clusters())
@settings(deadline=None)
def test_every_move_respects_labels_room_duty_and_surge(view: ClusterView) -> None:
    while (move := rebalance(view)) is not None:
        target = view.targets[move.instance.base]
        assert view.verdicts[move.node].verdict is Verdict.ON_DUTY
        assert target.placement.require.items() <= view.nodes[move.node].labels.items()
        after = carry_out(view, [move])
        held = Counter(node for node, _ in after.wanted)
        assert held[move.node] <= view.nodes[move.node].capacity
        there = sum(1 for _, instance in after.wanted if instance.base == move.instance.base)
        assert there <= target.instances + max_surge(target)
        assert move.record.desired is Desired.LOAD
        assert RULES["balance"](move.because.inputs) == move.because.inputs["decision"]
        view = make(view, move)


@given(clusters())
@settings(deadline=None)
def test_at_rest_no_single_move_would_gain_anything(view: ClusterView) -> None:
    """The short cuts miss nothing that a look at every instance and every node would find."""
    end, _ = rest(view)
    occupancy = Occupancy(end)
    for placed in end.wanted:
        target = end.targets[placed[1].base]
        for node in occupancy.nodes:
            fit = target.placement.require.items() <= end.nodes[node].labels.items()
            full = occupancy.total(node) >= end.nodes[node].capacity
            if node == placed[0] or full or not fit or not occupancy.hosts(placed[0]):
                continue
            by_zone = target.placement.spread == "zone"
            same = zone_of(end.nodes[node]) == zone_of(end.nodes[placed[0]])
            source, goal = (
                Crowd(
                    node=name,
                    in_zone=occupancy.in_zone(zone_of(end.nodes[name]), placed[1].base),
                    of_slice=occupancy.of_slice(name, placed[1].base),
                    total=occupancy.total(name),
                    capacity=occupancy.capacity(name),
                )
                for name in (placed[0], node)
            )
            move = Relocation(
                instance=placed[1], source=source, goal=goal, same_zone=same or not by_zone
            )
            assert gain(move) <= (0, 0, 0.0)


@given(clusters())
@settings(deadline=None)
def test_what_placement_has_placed_balance_leaves_alone(view: ClusterView) -> None:
    """Placed one slice after the other on an empty cluster of equal nodes, all stay where they are."""
    empty = replace(
        view,
        wanted={},
        phases={},
        nodes={node: replace(record, capacity=50) for node, record in view.nodes.items()},
        verdicts={
            node: replace(verdict, verdict=Verdict.ON_DUTY)
            for node, verdict in view.verdicts.items()
        },
        targets={
            base: replace(target, placement=Placement()) for base, target in view.targets.items()
        },
    )
    for step in range(6):
        now = 100.0 + step
        signals = all_heard(empty, now)
        steps = [s for s in converge(empty, signals, ControlSettings(), now) if isinstance(s, Wish)]
        empty = obey(empty, Plan(tuple(steps)))
    assert empty.wanted
    assert rebalance(empty) is None


@given(clusters())
@settings(deadline=None)
def test_equal_views_give_equal_moves_whatever_their_order(view: ClusterView) -> None:
    turned = replace(
        view,
        nodes=dict(reversed(list(view.nodes.items()))),
        verdicts=dict(reversed(list(view.verdicts.items()))),
        targets=dict(reversed(list(view.targets.items()))),
        wanted=dict(reversed(list(view.wanted.items()))),
        phases=dict(reversed(list(view.phases.items()))),
    )
    assert rebalance(view) == rebalance(turned)
