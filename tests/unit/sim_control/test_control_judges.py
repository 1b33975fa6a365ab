"""Judges fire for what must not be, and for nothing else."""

from dataclasses import replace

from aether.core.model import keys
from aether.core.model.ids import Artifact, InstanceId, NodeId
from aether.core.model.lifecycle import Desired, Phase
from aether.core.model.records import (
    BlueprintRecord,
    DrainOrder,
    EpochRecord,
    SliceSpec,
    TargetRecord,
    Verdict,
    VerdictRecord,
    WantedRecord,
    encode,
)
from aether.core.store.commands import Delete, Guard, Put
from aether_forge.sim.control.judges import BLIND_S, Budgets, Epochs, Surge, Targets, Writers
from tests.unit.sim_control.court import Session
from tests.worlds import APP, SHOP, fact, node_record, target, wish

N1, N2 = NodeId("n1"), NodeId("n2")


def instance(ordinal: int) -> InstanceId:
    return InstanceId(f"{SHOP}:1.0.0/{ordinal}")


def epoch(leader: str, number: int) -> Put:
    return Put(keys.EPOCH, encode(EpochRecord(leader=NodeId(leader), epoch=number)))


def verdict(node: NodeId, given: Verdict, drain: DrainOrder | None = None) -> Put:
    record = VerdictRecord(verdict=given, incarnation="life-1", drain=drain)
    return Put(keys.verdict(node), encode(record))


def wanted(node: NodeId, ordinal: int, record: WantedRecord) -> Put:
    return Put(keys.wanted(node, instance(ordinal)), encode(record))


def serving(session: Session, node: NodeId, ordinal: int) -> None:
    session.commit("leader:n1", "place", wanted(node, ordinal, wish()))
    session.commit(
        f"node:{node}", "phase", Put(keys.phase(node, instance(ordinal)), encode(fact()))
    )


def shop(instances: int, **given: int) -> TargetRecord:
    return replace(target(instances=instances), **given)  # type: ignore[arg-type] # only whole numbers are given


def court(instances: int, **given: int) -> tuple[Session, Surge, Budgets]:
    session = Session()
    targets = Targets(session.court)
    surge, budgets = Surge(session.court, targets), Budgets(session.court, targets)
    session.judges = [targets, surge, budgets]
    spec = SliceSpec(artifact=Artifact(f"{SHOP}:1.0.0"))
    record = BlueprintRecord(id=Artifact(f"{APP}:1.0.0"), generation=1, slices=(spec,))
    session.commit("api:test", "apply", Put(keys.blueprint(APP), encode(record)))
    session.commit("leader:n1", "target", Put(keys.target(SHOP), encode(shop(instances, **given))))
    for node in (N1, N2):
        session.commit(f"node:{node}", "register", Put(keys.node(node), encode(node_record(node))))
    return session, surge, budgets


def test_a_leader_writes_in_its_own_epoch_and_under_its_guard() -> None:
    session = Session()
    session.judges = [Epochs(session.court)]
    first = verdict(N1, Verdict.ON_DUTY)
    assert session.commit("leader:n1", "lead", epoch("n1", 1)) == []
    assert session.commit("leader:n1", "judge", first, guards=(Guard(keys.EPOCH, 1),)) == []
    assert session.commit("leader:n1", "judge", first)[0].startswith("n1 wrote in epoch 1 of n1")
    assert session.commit("leader:n2", "lead", epoch("n2", 2)) == []
    assert session.commit("leader:n1", "judge", first, guards=(Guard(keys.EPOCH, 1),))
    assert "epoch 2 follows epoch 2" in session.commit("leader:n1", "lead", epoch("n1", 2))[0]


def test_every_family_has_its_writer_and_a_node_writes_of_itself_alone() -> None:
    session = Session()
    session.judges = [Writers(session.court)]
    place = wanted(N1, 0, wish())
    phase = Put(keys.phase(N1, instance(0)), encode(fact()))
    assert session.commit("leader:n1", "place", place) == []
    assert session.commit("node:n1", "phase", phase) == []
    assert session.commit("node:n2", "phase", phase) == ["node:n2 wrote phase/n1/" + instance(0)]
    assert session.commit("node:n1", "place", place)
    assert session.commit("leader:n1", "phase", phase)
    assert session.commit("leader:n1", "forget", Delete(phase.key)) == []
    assert session.commit("api:test", "place", place)
    assert session.commit("api:test", "drain", verdict(N1, Verdict.DRAINING)) == []
    assert session.commit("somebody", "place", place)


def test_instances_that_stay_never_exceed_target_and_surge() -> None:
    session, _, _ = court(3)
    for ordinal in range(4):
        assert session.commit("leader:n1", "place", wanted(N1, ordinal, wish())) == []
    assert (
        "5 instances that stay, 4 at most"
        in session.commit("leader:n1", "place", wanted(N2, 4, wish()))[0]
    )
    gone = wanted(N1, 0, wish(Desired.UNLOAD))
    session.commit("leader:n1", "remove", gone, wanted(N1, 1, wish(Desired.UNLOAD)))
    assert session.commit("leader:n1", "place", wanted(N2, 5, wish())) == []


def test_a_target_that_stood_a_moment_ago_excuses_and_one_of_long_ago_does_not() -> None:
    session, _, _ = court(5)
    session.commit("api:test", "scale", Put(keys.target(SHOP), encode(shop(2))))
    for ordinal in range(4):
        assert session.commit("leader:n1", "place", wanted(N1, ordinal, wish())) == []
    session.time += BLIND_S + 1
    assert session.commit("leader:n1", "place", wanted(N1, 4, wish()))


def test_instances_of_lost_nodes_do_not_count() -> None:
    session, _, _ = court(1)
    session.commit("leader:n1", "place", wanted(N2, 0, wish()), wanted(N2, 1, wish()))
    session.commit("leader:n1", "judge", verdict(N2, Verdict.LOST))
    assert session.commit("leader:n1", "place", wanted(N1, 2, wish())) == []


def test_nothing_active_is_taken_away_below_the_budget() -> None:
    session, _, _ = court(3, min_available=2)
    for ordinal, node in enumerate((N1, N1, N2)):
        serving(session, node, ordinal)
    leaves = [wanted(N1, 0, wish(Desired.DEACTIVATE)), wanted(N1, 1, wish(Desired.DEACTIVATE))]
    assert session.commit("leader:n1", "drain", leaves[0]) == []
    assert "while 1 others serve, the budget" in session.commit("leader:n1", "drain", leaves[1])[0]


def test_who_failed_a_moment_ago_excuses_and_force_and_losses_do() -> None:
    session, _, _ = court(2, min_available=1)
    serving(session, N1, 0)
    serving(session, N2, 1)
    failed = Put(keys.phase(N2, instance(1)), encode(fact(Phase.FAILED)))
    session.commit("node:n2", "phase", failed)
    taken = wanted(N1, 0, wish(Desired.DEACTIVATE))
    assert session.commit("leader:n1", "update", taken) == []
    session.commit("leader:n1", "place", wanted(N1, 0, wish()))
    session.time += BLIND_S + 1
    session.commit(
        "api:test", "drain", verdict(N1, Verdict.DRAINING, DrainOrder(by="x", force=True))
    )
    assert session.commit("leader:n1", "drain", taken) == []
    session.commit("leader:n1", "place", wanted(N1, 0, wish()))
    session.commit("api:test", "activate", verdict(N1, Verdict.ON_DUTY))
    assert session.commit("leader:n1", "update", taken)
    session.commit("leader:n1", "place", wanted(N1, 0, wish()))
    assert session.commit("leader:n1", "dependency", taken) == []


def test_what_a_life_says_before_it_is_registered_counts_from_then_on() -> None:
    session, _, _ = court(2, min_available=1)
    serving(session, N1, 0)
    serving(session, N2, 1)
    again = Put(keys.phase(N2, instance(1)), encode(fact(incarnation="life-2")))
    session.commit("node:n2", "phase", again)
    session.time += BLIND_S + 1
    register = Put(keys.node(N2), encode(node_record(N2, "life-2")))
    session.commit("node:n2", "register", register)
    session.time += BLIND_S + 1
    taken = wanted(N1, 0, wish(Desired.DEACTIVATE))
    assert session.commit("leader:n1", "update", taken) == []


def test_what_is_retired_may_go() -> None:
    session, _, _ = court(1, min_available=1)
    serving(session, N1, 0)
    session.commit("api:test", "delete", Delete(keys.blueprint(APP)))
    assert session.commit("leader:n1", "remove", wanted(N1, 0, wish(Desired.DEACTIVATE))) == []
