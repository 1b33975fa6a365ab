"""Laws of rehearsals: they foresee what happens, change nothing, and depend on nothing but the cluster."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from aether.core.control.reconcile import reconcile
from aether.core.control.rehearsal import Bounds, _Stage, rehearse
from aether.core.control.rehearsal_changes import with_changes
from aether.core.control.rehearsal_nodes import Pace
from aether.core.control.rehearsal_outcome import Rehearsal
from aether.core.control.signals import ControlSettings
from aether.core.model import keys
from aether.core.model.ids import Artifact, NodeId, SliceBase
from aether.core.model.plan import Plan
from aether.core.model.records import (
    BlueprintRecord,
    Dependency,
    DrainOrder,
    OnDependencyLoss,
    SliceSpec,
    Update,
    Verdict,
    VerdictRecord,
    encode,
)
from aether.core.model.view import ClusterView
from aether.core.store.commands import Delete, Operation, Put
from tests.worlds import all_heard, node_record, obey

SETTINGS = ControlSettings()
OWNER = SliceBase("org.example:app")
LOOKS = 200
LOSSES: tuple[OnDependencyLoss, ...] = ("cascade", "degrade", "block")


@dataclass(frozen=True)
class Case:
    """A settled cluster, and a change an operator may make to it."""

    view: ClusterView
    change: tuple[Operation, ...]


def silent_nodes(view: ClusterView) -> list[NodeId]:
    doubted = (Verdict.SUSPECT, Verdict.LOST)
    return [node for node, verdict in view.verdicts.items() if verdict.verdict in doubted]


def settle(view: ClusterView) -> ClusterView:
    """Reconcile and let nodes obey at once until nothing is left to do."""
    plan = Plan()
    for look in range(LOOKS):
        now = 10_000.0 + 100.0 * look
        plan = reconcile(view, all_heard(view, now, but=silent_nodes(view)), SETTINGS, now)
        if not plan.commands:
            return view
        view = obey(view, plan)
    raise AssertionError(f"no fixed point within {LOOKS} looks: {plan}")


def blueprint(specs: Sequence[SliceSpec], generation: int) -> BlueprintRecord:
    return BlueprintRecord(
        id=Artifact(f"{OWNER}:1.0.0"), generation=generation, slices=tuple(specs)
    )


@st.composite
def slice_specs(draw: st.DrawFn) -> list[SliceSpec]:
    found: list[SliceSpec] = []
    for number in range(draw(st.integers(1, 3))):
        bases = [spec.artifact.base for spec in found]
        needs = draw(st.sets(st.sampled_from(bases), max_size=1)) if bases else set()
        found.append(
            SliceSpec(
                artifact=Artifact(f"org.example:s{number}:1.0.0"),
                instances=draw(st.integers(1, 5)),
                dependencies=tuple(Dependency(slice=need) for need in sorted(needs)),
                min_available=draw(st.none() | st.integers(0, 5)),
                update=draw(st.sampled_from([Update(), Update(strategy="immediate")])),
                on_dependency_loss=draw(st.sampled_from(LOSSES)),
            )
        )
    return found


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Two to five nodes, with little room or plenty, some slices deployed, and one change."""
    names = [NodeId(f"n{number}") for number in range(draw(st.integers(2, 5)))]
    capacity = draw(st.sampled_from([3, 8, 100]))
    specs = draw(slice_specs())
    empty = ClusterView(
        nodes={name: node_record(name, capacity=capacity) for name in names},
        verdicts={
            name: VerdictRecord(verdict=Verdict.ON_DUTY, incarnation="life-1") for name in names
        },
    )
    deployed = settle(with_changes(empty, [put(blueprint(specs, 1))]))
    return Case(deployed, draw(changes(deployed, specs)))


def put(record: BlueprintRecord) -> Put:
    return Put(keys.blueprint(OWNER), encode(record))


@st.composite
def changes(
    draw: st.DrawFn, view: ClusterView, specs: Sequence[SliceSpec]
) -> tuple[Operation, ...]:
    kind = draw(st.sampled_from(["scale", "update", "settings", "delete", "drain", "nothing"]))
    chosen = draw(st.integers(0, len(specs) - 1))
    spec = specs[chosen]
    base = spec.artifact.base
    if kind == "scale":
        target = replace(view.targets[base], instances=draw(st.integers(1, 8)))
        return (Put(keys.target(base), encode(target)),)
    if kind in ("update", "settings"):
        newer = (
            replace(spec, artifact=Artifact.of(base, "1.1.0"))
            if kind == "update"
            else replace(spec, config={"colour": "red"})
        )
        return (put(blueprint([*specs[:chosen], newer, *specs[chosen + 1 :]], 2)),)
    if kind == "delete":
        return (Delete(keys.blueprint(OWNER)),)
    if kind == "drain":
        node = draw(st.sampled_from(sorted(view.nodes)))
        order = VerdictRecord(
            verdict=Verdict.DRAINING, incarnation="life-1", drain=DrainOrder(by="api:test")
        )
        return (Put(keys.verdict(node), encode(order)),)
    return ()


def counts(placements: Mapping[NodeId, Sequence[object]]) -> Counter[NodeId]:
    return Counter({node: len(found) for node, found in placements.items() if found})


@given(cases())
@settings(deadline=None)
def test_what_is_foreseen_is_what_happens_when_nodes_obey(case: Case) -> None:
    foreseen = rehearse(case.view, case.change, SETTINGS)
    really = settle(with_changes(case.view, case.change))
    assert foreseen.converged
    placed = {(node, one) for node, found in foreseen.placements.items() for one in found}
    assert placed == set(really.wanted)
    assert foreseen.verdicts == {
        node: verdict.verdict for node, verdict in sorted(really.verdicts.items())
    }


@given(cases())
@settings(deadline=None)
def test_the_end_is_a_fixed_point(case: Case) -> None:
    stage = _Stage(case.view, case.change, SETTINGS, Pace(), Bounds())
    stage.play()
    assert settle(stage._view) == stage._view


@given(cases())
@settings(deadline=None)
def test_a_rehearsal_changes_nothing_and_made_twice_says_the_same(case: Case) -> None:
    before = snapshot(case.view)
    first = rehearse(case.view, case.change, SETTINGS)
    assert snapshot(case.view) == before
    assert rehearse(case.view, case.change, SETTINGS) == first


def snapshot(view: ClusterView) -> dict[str, object]:
    """Copies of all tables, to see later that nobody wrote into them."""
    found = {field.name: getattr(view, field.name) for field in fields(view)}
    return {
        name: dict(value) if isinstance(value, Mapping) else value for name, value in found.items()
    }


@given(cases(), st.integers(1, 10_000))
@settings(deadline=None)
def test_revisions_and_order_leave_the_digest_as_it_is(case: Case, by: int) -> None:
    digest = rehearse(case.view, case.change, SETTINGS).digest
    later = replace(
        case.view,
        revision=case.view.revision + by,
        revisions={"app/org.example:s0/x": by, "node/n0": by},
        nodes=dict(reversed(list(case.view.nodes.items()))),
        wanted=dict(reversed(list(case.view.wanted.items()))),
        phases=dict(reversed(list(case.view.phases.items()))),
    )
    assert rehearse(later, case.change, SETTINGS).digest == digest


@st.composite
def paces(draw: st.DrawFn) -> Pace:
    """Nodes that are quick at one thing and slow at another."""
    seconds = st.sampled_from([0.0, 0.1, 0.5, 2.0, 11.0, 60.0])
    return Pace(
        load_s=draw(seconds),
        activate_s=draw(seconds),
        drain_s=draw(seconds),
        deactivate_s=draw(seconds),
        unload_s=draw(seconds),
    )


@given(cases(), paces())
@settings(deadline=None)
def test_no_act_of_an_operator_goes_below_a_budget_at_any_pace(case: Case, pace: Pace) -> None:
    foreseen = rehearse(case.view, case.change, SETTINGS, pace)
    assert foreseen.converged
    assert foreseen.below_budget == ()
    for dip in foreseen.dips:
        assert 0 <= dip.lowest < dip.usual
        assert dip.to_s is None or dip.from_s < dip.to_s


@given(cases())
@settings(deadline=None)
def test_steps_come_in_time_and_lead_to_the_end(case: Case) -> None:
    foreseen = rehearse(case.view, case.change, SETTINGS)
    instants = [step.at_s for step in foreseen.steps]
    assert instants == sorted(instants)
    assert all(instant <= foreseen.duration_s for instant in instants)
    started, removed = _moved(foreseen)
    before = Counter(instance for _, instance in case.view.wanted)
    after = Counter(one for found in foreseen.placements.values() for one in found)
    assert before + started - removed == after


def _moved(foreseen: Rehearsal) -> tuple[Counter[str], Counter[str]]:
    started = Counter(str(one) for slice_ in foreseen.slices for one in slice_.started)
    removed = Counter(str(one) for slice_ in foreseen.slices for one in slice_.removed)
    return started, removed


PROGRAM = """
from tests.property.test_rehearsal_laws import *
specs = [SliceSpec(artifact=Artifact(f"org.example:s{n}:1.0.0"), instances=4) for n in range(4)]
names = [NodeId(f"n{number}") for number in range(5)]
empty = ClusterView(
    nodes={name: node_record(name) for name in names},
    verdicts={n: VerdictRecord(verdict=Verdict.ON_DUTY, incarnation="life-1") for n in names},
)
deployed = settle(with_changes(empty, [put(blueprint(specs, 1))]))
newer = [replace(spec, artifact=Artifact.of(spec.artifact.base, "1.1.0")) for spec in specs]
print(rehearse(deployed, [put(blueprint(newer, 2))], SETTINGS).digest)
"""


def test_the_digest_is_the_same_under_every_hash_seed() -> None:
    digests = set()
    for seed in ("0", "1", "4711"):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        digests.add(done.stdout.strip())
    (digest,) = digests
    assert len(digest) == 64
