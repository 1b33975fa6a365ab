"""Laws of draining, over clusters whose nodes answer late and in any order."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice

from hypothesis import given, settings
from hypothesis import strategies as st

from aether.core.control.budgets import max_surge, min_available
from aether.core.control.drain import RULES, evacuate
from aether.core.control.reconcile import reconcile
from aether.core.control.removal import is_leaving
from aether.core.control.signals import ControlSettings
from aether.core.model.ids import Artifact, NodeId, SliceBase
from aether.core.model.lifecycle import Desired
from aether.core.model.plan import Plan, carry_out
from aether.core.model.reason import Reason
from aether.core.model.records import (
    BlueprintRecord,
    DrainOrder,
    SliceSpec,
    Update,
    Verdict,
    VerdictRecord,
)
from aether.core.model.view import ClusterView
from tests.worlds import all_heard, node_record, obey

SETTINGS = ControlSettings()
OWNER = SliceBase("org.example:app")
ON_DUTY = VerdictRecord(verdict=Verdict.ON_DUTY, incarnation="life-1")
STEPS = 120


def draining(*, force: bool = False) -> VerdictRecord:
    order = DrainOrder(by="api:anonymous", force=force)
    return VerdictRecord(verdict=Verdict.DRAINING, incarnation="life-1", drain=order)


def settle(view: ClusterView) -> ClusterView:
    """Reconcile and obey until nothing is left to do."""
    for step in range(STEPS):
        now = 10_000.0 + 10.0 * step
        plan = reconcile(view, all_heard(view, now), SETTINGS, now)
        if not plan.commands:
            return view
        view = obey(view, plan)
    raise AssertionError("no rest")


@st.composite
def clusters(draw: st.DrawFn) -> ClusterView:
    """Two to five nodes and a few slices that all serve, with budgets and surges of any size."""
    names = [NodeId(f"n{number}") for number in range(draw(st.integers(2, 5)))]
    specs = []
    for number in range(draw(st.integers(1, 3))):
        instances = draw(st.integers(1, 6))
        specs.append(
            SliceSpec(
                artifact=Artifact(f"org.example:s{number}:1.0.0"),
                instances=instances,
                min_available=draw(st.none() | st.integers(0, instances)),
                update=Update(max_surge=draw(st.none() | st.integers(1, 3))),
            )
        )
    record = BlueprintRecord(id=Artifact(f"{OWNER}:1.0.0"), generation=1, slices=tuple(specs))
    total = sum(spec.instances for spec in specs)
    least = -(-total // len(names))
    view = ClusterView(
        nodes={name: node_record(name, capacity=draw(st.integers(least, 12))) for name in names},
        verdicts=dict.fromkeys(names, ON_DUTY),
        blueprints={OWNER: record},
    )
    return settle(view)


def with_order(view: ClusterView, names: list[NodeId], *, force: bool = False) -> ClusterView:
    order = draining(force=force)
    return replace(view, verdicts={**view.verdicts, **dict.fromkeys(names, order)})


def serving(view: ClusterView) -> Counter[SliceBase]:
    """How many of each slice are ACTIVE and not on their way out."""
    return Counter(
        placed[1].base
        for placed, wish in view.wanted.items()
        if view.is_active(placed) and wish.desired is Desired.ACTIVATE
    )


def staying(view: ClusterView) -> Counter[SliceBase]:
    return Counter(placed[1].base for placed, wish in view.wanted.items() if not is_leaving(wish))


def late(view: ClusterView, plan: Plan, answer: list[bool]) -> ClusterView:
    """Carry the plan out; of the instances, those with True in `answer` finish their step."""
    done = obey(view, plan)
    phases = dict(done.phases)
    for number, placed in enumerate(sorted({*done.wanted, *view.phases})):
        if placed in done.wanted and not answer[number % len(answer)]:
            phases.pop(placed, None)
            if placed in view.phases:
                phases[placed] = view.phases[placed]
    return replace(done, phases=phases)


def lives(view: ClusterView, answers: list[list[bool]]) -> Iterator[tuple[ClusterView, Plan]]:
    """Yield each view with the plan for it, the nodes answering as given, then all."""
    for step in range(STEPS):
        now = 10_000.0 + 0.5 * step
        plan = reconcile(view, all_heard(view, now), SETTINGS, now)
        yield view, plan
        answer = answers[step] if step < len(answers) else [True]
        after = late(view, plan, answer)
        if step >= len(answers) and not plan.commands and after == view:
            return
        view = after
    raise AssertionError("no rest")


answers_ = st.lists(st.lists(st.booleans(), min_size=1, max_size=7), max_size=15)


@given(clusters(), st.data(), answers_)
@settings(deadline=None, max_examples=30)
def test_no_slice_falls_below_its_budget_nor_has_more_than_its_surge(
    view: ClusterView, data: st.DataObject, answers: list[list[bool]]
) -> None:
    chosen = data.draw(st.lists(st.sampled_from(sorted(view.nodes)), unique=True, min_size=1))
    for state, plan in lives(with_order(view, chosen), answers):
        seen = state
        for command in plan.commands:
            seen = carry_out(seen, [command])
            serve, there = serving(seen), staying(seen)
            for base, target in seen.targets.items():
                assert serve[base] >= min_available(target), command
                assert there[base] <= target.instances + max_surge(target), command


@given(clusters(), st.data(), answers_)
@settings(deadline=None, max_examples=30)
def test_a_drained_node_ends_empty_when_there_is_room_elsewhere(
    view: ClusterView, data: st.DataObject, answers: list[list[bool]]
) -> None:
    chosen = data.draw(st.lists(st.sampled_from(sorted(view.nodes)), unique=True, min_size=1))
    others = [name for name in view.nodes if name not in chosen]
    if not others:
        return
    roomy = {n: replace(r, capacity=99 if n in others else 12) for n, r in view.nodes.items()}
    end = view
    for state, _ in lives(with_order(replace(view, nodes=roomy), chosen), answers):
        end = state
    assert {end.verdicts[name].verdict for name in chosen} == {Verdict.DECOMMISSIONED}
    assert all(node not in chosen for node, _ in [*end.wanted, *end.phases])
    for base, target in end.targets.items():
        assert serving(end)[base] == target.instances


@given(clusters(), st.data(), answers_)
@settings(deadline=None, max_examples=30)
def test_a_drain_that_cannot_end_says_what_it_waits_for(
    view: ClusterView, data: st.DataObject, answers: list[list[bool]]
) -> None:
    node = data.draw(st.sampled_from(sorted(view.nodes)))
    end, last = view, Plan()
    for end, last in lives(with_order(view, [node]), answers):  # noqa: B007 - the last is looked at
        pass
    left = {instance.base for where, instance in end.wanted if where == node}
    if left:
        assert end.verdicts[node].verdict is Verdict.DRAINING
        for base in left:
            assert any(
                text.startswith(f"{node} drains: ") and base in text for text in last.waiting
            )
    else:
        assert end.verdicts[node].verdict is Verdict.DECOMMISSIONED


@given(clusters(), st.data(), answers_, st.integers(0, 20))
@settings(deadline=None, max_examples=30)
def test_a_drain_that_is_called_off_leaves_a_whole_cluster(
    view: ClusterView, data: st.DataObject, answers: list[list[bool]], when: int
) -> None:
    node = data.draw(st.sampled_from(sorted(view.nodes)))
    states = [state for state, _ in islice(lives(with_order(view, [node]), answers), when + 1)]
    state = states[-1]
    back = replace(state.verdicts[node], verdict=Verdict.JOINING, drain=None)
    end = settle(replace(state, verdicts={**state.verdicts, node: back}))
    assert end.verdicts[node].verdict is Verdict.ON_DUTY
    for base, target in end.targets.items():
        assert serving(end)[base] == target.instances
        assert staying(end)[base] == target.instances


@given(clusters(), st.data(), answers_)
@settings(deadline=None, max_examples=30)
def test_by_force_a_node_ends_empty_with_or_without_room(
    view: ClusterView, data: st.DataObject, answers: list[list[bool]]
) -> None:
    node = data.draw(st.sampled_from(sorted(view.nodes)))
    full = {n: replace(r, capacity=0) for n, r in view.nodes.items()}
    end = view
    for state, _ in lives(with_order(replace(view, nodes=full), [node], force=True), answers):
        end = state
    assert end.verdicts[node].verdict is Verdict.DECOMMISSIONED


@given(clusters(), st.data(), answers_)
@settings(deadline=None, max_examples=30)
def test_equal_views_give_equal_steps_and_every_step_can_be_decided_again(
    view: ClusterView, data: st.DataObject, answers: list[list[bool]]
) -> None:
    chosen = data.draw(st.lists(st.sampled_from(sorted(view.nodes)), unique=True, min_size=1))
    for state, _ in lives(with_order(view, chosen), answers):
        turned = replace(
            state,
            nodes=dict(reversed(list(state.nodes.items()))),
            verdicts=dict(reversed(list(state.verdicts.items()))),
            wanted=dict(reversed(list(state.wanted.items()))),
        )
        signals = all_heard(state, 50.0)
        steps = list(evacuate(state, signals, SETTINGS, 50.0))
        assert list(evacuate(turned, signals, SETTINGS, 50.0)) == steps
        for command in reasons(steps):
            assert RULES[command.rule](command.inputs) == command.inputs["decision"]


def reasons(steps: Iterable[object]) -> Iterator[Reason]:
    for step in steps:
        because = getattr(step, "because", None)
        if because is not None:
            yield because
