"""Laws of choosing nodes."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from aether.core.control.candidates import Choice, NoRoom
from aether.core.control.liveness import may_host
from aether.core.control.placement import RULES, Occupancy
from aether.core.control.ranking import fullness, zone_of
from aether.core.model.ids import Artifact, InstanceId, NodeId, SliceBase
from aether.core.model.lifecycle import Desired
from aether.core.model.records import Placement, Verdict, VerdictRecord
from aether.core.model.view import ClusterView
from tests.worlds import fact, node_record, wish

BASES = [SliceBase(f"org.example:s{number}") for number in range(3)]
placements = st.builds(
    Placement,
    spread=st.sampled_from(["node", "zone"]),
    require=st.sampled_from([{}, {}, {"disk": "ssd"}]),
)


@st.composite
def clusters(draw: st.DrawFn) -> ClusterView:
    """A few nodes of several zones, sizes and verdicts, with something on them."""
    nodes, verdicts, wanted, phases = {}, {}, {}, {}
    for number in range(draw(st.integers(1, 7))):
        name = NodeId(f"n{number}")
        labels = {"zone": draw(st.sampled_from(["a", "b", "c"]))}
        if draw(st.booleans()):
            labels["disk"] = "ssd"
        capacity = draw(st.integers(0, 8))
        nodes[name] = replace(node_record(name, capacity=capacity), labels=labels)
        verdict = draw(st.sampled_from([Verdict.ON_DUTY] * 5 + [Verdict.SUSPECT, Verdict.DRAINING]))
        verdicts[name] = VerdictRecord(verdict=verdict, incarnation="life-1")
        for ordinal in range(draw(st.integers(0, capacity))):
            base = draw(st.sampled_from(BASES))
            instance = InstanceId(f"{base}:1.0.0/{10 * number + ordinal}")
            wanted[name, instance], phases[name, instance] = wish(), fact()
    return ClusterView(nodes=nodes, verdicts=verdicts, wanted=wanted, phases=phases)


def place(
    occupancy: Occupancy, base: SliceBase, placement: Placement, count: int
) -> Iterable[NodeId]:
    """Place `count` instances, or as many as there is room for."""
    for _ in range(count):
        choice = occupancy.choose(base, placement)
        if isinstance(choice, NoRoom):
            return
        occupancy.add(choice.node, occupancy.next_instance(Artifact(f"{base}:1.0.0")))
        yield choice.node


def best_by_looking_at_all(
    view: ClusterView, occupancy: Occupancy, base: SliceBase, placement: Placement
) -> NodeId | None:
    """The rule of the module, written down without any of its short cuts."""
    fit = [
        node
        for node, record in view.nodes.items()
        if may_host(view, node)
        and all(record.labels.get(name) == value for name, value in placement.require.items())
        and occupancy.total(node) < record.capacity
    ]

    def key(node: NodeId) -> tuple[int, int, float, NodeId]:
        zone = zone_of(view.nodes[node])
        return (
            occupancy.in_zone(zone, base) if placement.spread == "zone" else 0,
            occupancy.of_slice(node, base),
            fullness(occupancy.total(node), view.nodes[node].capacity),
            node,
        )

    return min(fit, key=key, default=None)


asked = st.lists(st.tuples(st.sampled_from(BASES), placements, st.booleans()), max_size=25)


@given(clusters(), asked)
@settings(deadline=None)
def test_the_short_cuts_choose_what_a_look_at_every_node_would(
    view: ClusterView, steps: list[tuple[SliceBase, Placement, bool]]
) -> None:
    occupancy = Occupancy(view)
    here = sorted(view.wanted)
    for base, placement, ends_one in steps:
        if ends_one and here:
            occupancy.remove(*here.pop())
        choice = occupancy.choose(base, placement)
        best = best_by_looking_at_all(view, occupancy, base, placement)
        assert (choice.node if isinstance(choice, Choice) else None) == best
        if best is not None:
            occupancy.add(best, occupancy.next_instance(Artifact(f"{base}:1.0.0")))


@given(clusters(), st.data())
@settings(deadline=None)
def test_what_is_counted_out_is_counted_as_if_it_had_been_leaving(
    view: ClusterView, data: st.DataObject
) -> None:
    gone = data.draw(st.sets(st.sampled_from(sorted(view.wanted)))) if view.wanted else set()
    occupancy = Occupancy(view)
    for placed in sorted(gone):
        occupancy.remove(*placed)
    on_their_way = dict.fromkeys(gone, wish(Desired.DEACTIVATE))
    later = Occupancy(replace(view, wanted={**view.wanted, **on_their_way}))
    for node in view.nodes:
        for base in BASES:
            assert occupancy.of_slice(node, base) == later.of_slice(node, base)
            zone = zone_of(view.nodes[node])
            assert occupancy.in_zone(zone, base) == later.in_zone(zone, base)


@given(clusters(), placements, st.integers(1, 30))
@settings(deadline=None)
def test_every_hard_filter_is_respected(
    view: ClusterView, placement: Placement, count: int
) -> None:
    taken = Counter(node for node, _ in view.wanted)
    for node in place(Occupancy(view), BASES[0], placement, count):
        taken[node] += 1
        assert may_host(view, node)
        assert placement.require.items() <= view.nodes[node].labels.items()
        assert taken[node] <= view.nodes[node].capacity


@given(clusters(), placements)
@settings(deadline=None)
def test_no_room_means_that_every_node_is_kept_out_by_a_filter(
    view: ClusterView, placement: Placement
) -> None:
    choice = Occupancy(view).choose(BASES[0], placement)
    if isinstance(choice, NoRoom):
        assert choice.off_duty + choice.lacking + choice.full == choice.nodes == len(view.nodes)
        assert choice.why


@given(st.integers(1, 8), st.integers(1, 40), st.sampled_from(["node", "zone"]))
@settings(deadline=None)
def test_without_constraints_instances_are_within_one_of_even(
    count: int, instances: int, spread: str
) -> None:
    names = [NodeId(f"n{number}") for number in range(count)]
    records = {
        name: replace(node_record(name), labels={"zone": f"z{number % 2}"})
        for number, name in enumerate(names)
    }
    on_duty = VerdictRecord(verdict=Verdict.ON_DUTY, incarnation="life-1")
    view = ClusterView(nodes=records, verdicts=dict.fromkeys(names, on_duty))
    placement = Placement(spread="zone" if spread == "zone" else "node")
    placed = Counter(place(Occupancy(view), BASES[0], placement, instances))
    assert placed.total() == instances
    if spread == "node":
        assert max(placed[name] for name in names) - min(placed[name] for name in names) <= 1
    zones: Counter[str] = Counter()
    for name in names:
        zones[zone_of(records[name])] += placed[name]
    if spread == "zone":
        assert max(zones.values()) - min(zones.values()) <= 1
        for zone in zones:
            inside = [placed[name] for name in names if zone_of(records[name]) == zone]
            assert max(inside) - min(inside) <= 1


@given(clusters(), placements)
@settings(deadline=None)
def test_equal_views_give_equal_choices_whatever_their_order(
    view: ClusterView, placement: Placement
) -> None:
    turned = replace(
        view,
        nodes=dict(reversed(list(view.nodes.items()))),
        verdicts=dict(reversed(list(view.verdicts.items()))),
        wanted=dict(reversed(list(view.wanted.items()))),
    )
    one, other = Occupancy(view), Occupancy(turned)
    assert one.choose(BASES[0], placement) == other.choose(BASES[0], placement)
    assert list(place(one, BASES[1], placement, 9)) == list(place(other, BASES[1], placement, 9))
    here = list(view.wanted)
    if here:
        assert one.most_crowded(BASES[0], here, placement) == other.most_crowded(
            BASES[0], here[::-1], placement
        )


@given(clusters(), placements, st.sets(st.sampled_from([NodeId(f"n{n}") for n in range(7)])))
@settings(deadline=None)
def test_a_choice_can_be_made_again_and_avoids_while_it_can(
    view: ClusterView, placement: Placement, avoid: set[NodeId]
) -> None:
    choice = Occupancy(view).choose(BASES[0], placement, sorted(avoid))
    if isinstance(choice, Choice):
        assert RULES["place"](choice.inputs) == choice.inputs["decision"] == choice.node
        assert choice.node not in choice.rejected
        assert len(choice.rejected) <= 8
        allowed = {node: record for node, record in view.nodes.items() if node not in avoid}
        rest = Occupancy(replace(view, nodes=allowed)).choose(BASES[0], placement)
        assert choice.is_last_resort == isinstance(rest, NoRoom) == (choice.node in avoid)
