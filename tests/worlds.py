"""Small clusters for tests: views built in a line or two, and nodes that obey at once."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from aether.core.control.signals import Heard, Signals
from aether.core.model import keys
from aether.core.model.ids import Artifact, InstanceId, NodeId, SliceBase
from aether.core.model.lifecycle import Desired, Phase
from aether.core.model.plan import Plan, carry_out
from aether.core.model.records import (
    ArtifactRecord,
    BlueprintRecord,
    Dependency,
    Failure,
    Manifest,
    NodeRecord,
    PhaseRecord,
    Route,
    SliceSpec,
    TargetRecord,
    Verdict,
    VerdictRecord,
    WantedRecord,
)
from aether.core.model.view import ClusterView, Placed

APP = SliceBase("org.example:app")
SHOP = SliceBase("org.example:shop")
STOCK = SliceBase("org.example:stock")


def node_record(name: str, incarnation: str = "life-1", capacity: int = 200) -> NodeRecord:
    return NodeRecord(
        node=NodeId(name),
        incarnation=incarnation,
        management=f"{name}:1",
        cluster=f"{name}:2",
        raft=f"{name}:3",
        router=f"{name}:4",
        mesh=f"{name}:5",
        capacity=capacity,
    )


def nodes(*names: str, verdict: Verdict = Verdict.ON_DUTY, capacity: int = 200) -> ClusterView:
    """A view with these nodes and nothing on them."""
    return ClusterView(
        nodes={NodeId(name): node_record(name, capacity=capacity) for name in names},
        verdicts={
            NodeId(name): VerdictRecord(verdict=verdict, incarnation="life-1") for name in names
        },
    )


def with_artifact(
    view: ClusterView,
    artifact: str,
    *,
    needs: Iterable[str] = (),
    routes: Iterable[Route] = (),
) -> ClusterView:
    coordinates = Artifact(artifact)
    record = ArtifactRecord(
        digest="0" * 64,
        size=1,
        filename="x.whl",
        holders=(),
        manifest=Manifest(
            artifact=coordinates,
            entry="app:App",
            kind="slice",
            dependencies=tuple(Dependency(slice=SliceBase(base)) for base in needs),
            routes=tuple(routes),
        ),
    )
    return replace(
        view,
        artifacts={**view.artifacts, coordinates: record},
        revisions={**view.revisions, keys.artifact(coordinates): 1},
    )


def spec(artifact: str, instances: int = 1, needs: Iterable[str] = ()) -> SliceSpec:
    return SliceSpec(
        artifact=Artifact(artifact),
        instances=instances,
        dependencies=tuple(Dependency(slice=SliceBase(base)) for base in needs),
    )


def with_blueprint(view: ClusterView, *specs: SliceSpec, generation: int = 1) -> ClusterView:
    """Apply `specs` as blueprint org.example:app."""
    record = BlueprintRecord(
        id=Artifact(f"{APP}:1.0.0"), generation=generation, slices=tuple(specs)
    )
    return replace(
        view,
        blueprints={**view.blueprints, APP: record},
        revisions={**view.revisions, keys.blueprint(APP): generation},
    )


def target(version: str = "1.0.0", instances: int = 1, generation: int = 1) -> TargetRecord:
    return TargetRecord(
        version=version,
        instances=instances,
        min_instances=1,
        max_instances=100,
        owner=APP,
        generation=generation,
    )


def wish(
    desired: Desired = Desired.ACTIVATE, generation: int = 2, attempt: int = 0
) -> WantedRecord:
    return WantedRecord(
        desired=desired, generation=generation, target_generation=1, attempt=attempt
    )


def fact(
    state: Phase = Phase.ACTIVE,
    observed: int = 2,
    incarnation: str = "life-1",
    failure: Failure | None = None,
    routes: tuple[Route, ...] = (),
) -> PhaseRecord:
    return PhaseRecord(
        state=state,
        observed_generation=observed,
        incarnation=incarnation,
        failure=failure,
        routes=routes,
    )


def placed(node: str, instance: str) -> Placed:
    return NodeId(node), InstanceId(instance)


def with_instance(
    view: ClusterView, node: str, instance: str, wanted: WantedRecord, phase: PhaseRecord | None
) -> ClusterView:
    where = placed(node, instance)
    phases = {**view.phases, where: phase} if phase else dict(view.phases)
    return replace(view, wanted={**view.wanted, where: wanted}, phases=phases)


def all_heard(view: ClusterView, now: float, *, but: Iterable[str] = ()) -> Signals:
    """Every node but some has just reported; every instance has been as it is for 100 s."""
    silent = set(but)
    return Signals(
        reign_began=now - 1000.0,
        heard={
            node: Heard(record.incarnation, now)
            for node, record in view.nodes.items()
            if node not in silent
        },
        since=dict.fromkeys(view.wanted, now - 100.0),
        calm_since=now - 1000.0,
    )


def obey(
    view: ClusterView, plan: Plan, fails: Mapping[Placed, Failure] | None = None
) -> ClusterView:
    """Carry the plan out and let every living node finish each step at once.

    Instances in `fails` end FAILED with that failure whenever they are loaded.
    """
    after = carry_out(view, plan.commands)
    phases = dict(after.phases)
    for where, wanted in after.wanted.items():
        verdict = after.verdicts.get(where[0])
        if where[0] not in after.nodes or (verdict and verdict.verdict is Verdict.LOST):
            continue
        failure = (fails or {}).get(where)
        phases.update(_answer(where, wanted, after.nodes[where[0]].incarnation, failure))
        if wanted.desired is Desired.UNLOAD:
            phases.pop(where, None)
    return replace(after, phases=phases)


def _answer(
    where: Placed, wanted: WantedRecord, incarnation: str, failure: Failure | None
) -> dict[Placed, PhaseRecord]:
    states = {
        Desired.LOAD: Phase.LOADED,
        Desired.ACTIVATE: Phase.ACTIVE,
        Desired.DEACTIVATE: Phase.LOADED,
        Desired.UNLOAD: Phase.UNLOADING,
    }
    state = states[wanted.desired]
    if failure is not None and wanted.desired in (Desired.LOAD, Desired.ACTIVATE):
        return {where: fact(Phase.FAILED, wanted.generation, incarnation, failure)}
    return {where: fact(state, wanted.generation, incarnation)}
