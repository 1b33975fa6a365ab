"""Laws of reconcile over generated clusters."""

from collections import Counter
from dataclasses import replace
from typing import Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from aether.core.control.reconcile import reconcile
from aether.core.control.replay import reevaluate
from aether.core.control.signals import ControlSettings
from aether.core.model.ids import Artifact, NodeId, SliceBase
from aether.core.model.lifecycle import Desired
from aether.core.model.plan import Plan, Wish, carry_out
from aether.core.model.records import (
    BlueprintRecord,
    Dependency,
    Failure,
    SliceSpec,
    Verdict,
    VerdictRecord,
)
from aether.core.model.view import ClusterView
from tests.worlds import all_heard, node_record, obey

SETTINGS = ControlSettings()
OWNER = SliceBase("org.example:app")


@st.composite
def clusters(draw: st.DrawFn) -> ClusterView:
    """A few nodes, most on duty, and a blueprint of slices that need earlier ones."""
    count = draw(st.integers(1, 6))
    names = [NodeId(f"n{number}") for number in range(count)]
    capacity = draw(st.integers(3, 30))
    verdicts = {
        name: draw(st.sampled_from([Verdict.ON_DUTY] * 4 + [Verdict.LOST, Verdict.SUSPECT]))
        for name in names
    }
    verdicts[names[0]] = Verdict.ON_DUTY
    specs: list[SliceSpec] = []
    for number in range(draw(st.integers(1, 4))):
        needs = (
            draw(st.sets(st.sampled_from([s.artifact.base for s in specs]), max_size=2))
            if specs
            else set()
        )
        specs.append(
            SliceSpec(
                artifact=Artifact(f"org.example:s{number}:1.0.0"),
                instances=draw(st.integers(1, 5)),
                dependencies=tuple(Dependency(slice=need) for need in sorted(needs)),
            )
        )
    return ClusterView(
        nodes={name: node_record(name, capacity=capacity) for name in names},
        verdicts={
            name: VerdictRecord(verdict=verdict, incarnation="life-1")
            for name, verdict in verdicts.items()
        },
        blueprints={
            OWNER: BlueprintRecord(id=Artifact(f"{OWNER}:1.0.0"), generation=1, slices=tuple(specs))
        },
    )


def silent_nodes(view: ClusterView) -> list[NodeId]:
    return [
        node for node, verdict in view.verdicts.items() if verdict.verdict is not Verdict.ON_DUTY
    ]


def settle(view: ClusterView, limit: int = 60) -> ClusterView:
    """Reconcile and obey until nothing is left to do."""
    plan = Plan()
    for step in range(limit):
        now = 10_000.0 + 100.0 * step
        plan = reconcile(view, all_heard(view, now, but=silent_nodes(view)), SETTINGS, now)
        if not plan.commands:
            return view
        view = obey(view, plan)
    raise AssertionError(f"no fixed point within {limit} steps: {plan}")


@given(clusters())
@settings(deadline=None)
def test_it_reaches_a_fixed_point_with_every_target_met_as_far_as_there_is_room(
    view: ClusterView,
) -> None:
    end = settle(view)
    duty = [n for n, v in end.verdicts.items() if v.verdict is Verdict.ON_DUTY]
    room = sum(end.nodes[node].capacity for node in duty)
    wanted = sum(target.instances for target in end.targets.values())
    assert len(end.wanted) == min(room, wanted)
    active = end.active_by_slice()
    if wanted <= room:
        for base, target in end.targets.items():
            assert len(active.get(base, ())) == target.instances


@given(clusters())
@settings(deadline=None, max_examples=50)
def test_every_reason_decides_again_what_it_decided(view: ClusterView) -> None:
    rules: set[str] = set()
    for step in range(20):
        now = 10_000.0 + 100.0 * step
        plan = reconcile(view, all_heard(view, now, but=silent_nodes(view)), SETTINGS, now)
        for command in plan.commands:
            rules.add(command.because.rule)
            assert reevaluate(command.because) == command.because.inputs["decision"]
            assert len(command.because.rejected) <= 8
        if not plan.commands:
            break
        view = obey(view, plan)
    assert rules >= {"target", "place", "activate"}


@given(clusters())
@settings(deadline=None)
def test_equal_inputs_give_equal_plans(view: ClusterView) -> None:
    signals = all_heard(view, 50.0, but=silent_nodes(view))
    again = replace(view, nodes=dict(reversed(list(view.nodes.items()))))
    assert reconcile(view, signals, SETTINGS, 50.0) == reconcile(again, signals, SETTINGS, 50.0)


@given(clusters())
@settings(deadline=None)
def test_nothing_is_placed_on_a_node_that_is_not_on_duty_and_no_capacity_is_exceeded(
    view: ClusterView,
) -> None:
    for step in range(20):
        now = 10_000.0 + 100.0 * step
        plan = reconcile(view, all_heard(view, now, but=silent_nodes(view)), SETTINGS, now)
        for command in plan.commands:
            if isinstance(command, Wish) and command.record.generation == 1:
                judged = view.verdicts[command.node].verdict
                assert judged is Verdict.ON_DUTY
        view = obey(view, plan)
        for node, hosted in Counter(node for node, _ in view.wanted).items():
            assert hosted <= view.nodes[node].capacity


@given(clusters())
@settings(deadline=None)
def test_instances_of_a_slice_are_spread_within_one_when_there_is_room(view: ClusterView) -> None:
    end = settle(view)
    duty = [n for n, v in end.verdicts.items() if v.verdict is Verdict.ON_DUTY]
    if len(end.wanted) + 5 > min(end.nodes[node].capacity for node in duty):
        return
    for base in end.targets:
        held = Counter(node for node, instance in end.wanted if instance.base == base)
        counts = [held[node] for node in duty]
        assert max(counts) - min(counts) <= 1


@given(clusters(), st.data())
@settings(deadline=None)
def test_a_lost_node_costs_nothing_but_time_and_a_returned_one_gets_instances_back(
    view: ClusterView, data: st.DataObject
) -> None:
    whole = settle(view)
    duty = sorted(n for n, v in whole.verdicts.items() if v.verdict is Verdict.ON_DUTY)
    victim = data.draw(st.sampled_from(duty))
    lost = replace(
        whole,
        verdicts={
            **whole.verdicts,
            victim: VerdictRecord(verdict=Verdict.LOST, incarnation="life-1"),
        },
    )
    healed = settle(lost)
    assert all(node != victim for node, _ in healed.wanted)
    back = replace(
        healed,
        nodes={
            **healed.nodes,
            victim: node_record(victim, "life-2", healed.nodes[victim].capacity),
        },
        verdicts={
            **healed.verdicts,
            victim: VerdictRecord(verdict=Verdict.ON_DUTY, incarnation="life-2"),
        },
    )
    again = settle(back)
    totals = Counter(node for node, _ in again.wanted)
    assert max(totals.values()) - min(totals[node] for node in duty) <= max(2, len(again.targets))


@given(clusters())
@settings(deadline=None)
def test_a_deleted_blueprint_leaves_nothing_and_dependents_go_before_what_they_need(
    view: ClusterView,
) -> None:
    view = replace(settle(view), blueprints={})
    for step in range(60):
        now = 20_000.0 + 100.0 * step
        plan = reconcile(view, all_heard(view, now, but=silent_nodes(view)), SETTINGS, now)
        if not plan.commands:
            break
        seen = view
        for command in plan.commands:
            if isinstance(command, Wish):
                held = {instance.base for _, instance in seen.wanted}
                for base, target in seen.targets.items():
                    needs = {need.slice for need in target.dependencies}
                    assert not (command.instance.base in needs and base in held)
            seen = carry_out(seen, [command])
        view = obey(view, plan)
    assert not view.wanted
    assert not view.targets
    assert not view.phases


@given(clusters(), st.integers(0, 3))
@settings(deadline=None)
def test_a_node_where_a_slice_always_fails_is_given_up_after_five_tries(
    view: ClusterView, number: int
) -> None:
    failure = Failure(kind="transient", message="port in use")
    bad = min(n for n, v in view.verdicts.items() if v.verdict is Verdict.ON_DUTY)
    attempts: dict[str, int] = {}
    for step in range(40):
        now = 10_000.0 + 100.0 * step
        plan = reconcile(view, all_heard(view, now, but=silent_nodes(view)), SETTINGS, now)
        for command in plan.commands:
            if isinstance(command, Wish) and command.record.desired is Desired.LOAD:
                attempts[f"{command.node}/{command.instance}"] = command.record.attempt
        wished = {(c.node, c.instance) for c in plan.commands if isinstance(c, Wish)}
        fails = {
            where: failure
            for where in {*view.wanted, *wished}
            if where[0] == bad and where[1].base == f"org.example:s{number}"
        }
        view = obey(view, plan, fails)
    duty = [n for n, v in view.verdicts.items() if v.verdict is Verdict.ON_DUTY]
    room = sum(view.nodes[node].capacity for node in duty if node != bad)
    if sum(target.instances for target in view.targets.values()) < room:
        assert all(attempt < SETTINGS.tries_per_node for attempt in attempts.values())
    elif len(duty) == 1 and any(p[1].base == f"org.example:s{number}" for p in view.wanted):
        assert max(attempts.values()) > SETTINGS.tries_per_node, "the only node is never left alone"


@given(clusters(), st.sampled_from(["fatal", "transient"]))
@settings(deadline=None)
def test_a_node_that_can_run_nothing_brings_rest_not_endless_moves(
    view: ClusterView, kind: Literal["fatal", "transient"]
) -> None:
    """Every slice serves elsewhere; the new node is tried, given up, and left alone."""
    view = settle(view)
    useless = NodeId("n9")
    capacity = next(iter(view.nodes.values())).capacity
    verdict = VerdictRecord(verdict=Verdict.ON_DUTY, incarnation="life-1")
    view = replace(
        view,
        nodes={**view.nodes, useless: node_record(useless, capacity=capacity)},
        verdicts={**view.verdicts, useless: verdict},
    )
    failure = Failure(kind=kind, message="wrong processor")
    short = sum(t.instances for t in view.targets.values()) - len(view.wanted)
    if short:
        return  # without room elsewhere it must go on trying the only node there is
    for step in range(200):
        now = 20_000.0 + 100.0 * step
        plan = reconcile(view, all_heard(view, now, but=silent_nodes(view)), SETTINGS, now)
        if not plan.commands:
            break
        wished = {(c.node, c.instance) for c in plan.commands if isinstance(c, Wish)}
        fails = {where: failure for where in {*view.wanted, *wished} if where[0] == useless}
        view = obey(view, plan, fails)
    else:
        raise AssertionError("no rest")
    assert all(node != useless for node, _ in view.wanted)
    for base, target in view.targets.items():
        assert len(view.active_by_slice().get(base, ())) == target.instances
