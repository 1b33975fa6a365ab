"""Changes carried through in virtual time."""

from dataclasses import replace

import pytest

from aether.core.control.rehearsal import Bounds, rehearse
from aether.core.control.rehearsal_nodes import Pace
from aether.core.control.signals import ControlSettings
from aether.core.model import keys
from aether.core.model.ids import Artifact, NodeId
from aether.core.model.lifecycle import Phase
from aether.core.model.records import (
    BlueprintRecord,
    DrainOrder,
    Failure,
    SliceSpec,
    TopologyRecord,
    Verdict,
    VerdictRecord,
    encode,
)
from aether.core.model.view import ClusterView
from aether.core.store.commands import Delete, Put
from tests.worlds import (
    APP,
    SHOP,
    STOCK,
    fact,
    nodes,
    spec,
    target,
    wish,
    with_artifact,
    with_blueprint,
    with_instance,
)

SETTINGS = ControlSettings()
SHOP_1, SHOP_2, STOCK_1 = f"{SHOP}:1.0.0", f"{SHOP}:2.0.0", f"{STOCK}:1.0.0"
PACE = Pace(load_s=2.0, activate_s=1.0, drain_s=3.0, deactivate_s=1.0, unload_s=0.5, look_s=1.0)


def apply(*specs: SliceSpec, generation: int = 1) -> Put:
    record = BlueprintRecord(id=Artifact(f"{APP}:1.0.0"), generation=generation, slices=specs)
    return Put(keys.blueprint(APP), encode(record))


def serving(instances: int = 2, where: ClusterView | None = None) -> ClusterView:
    """SHOP at version 1.0.0, one instance a node."""
    view = where or nodes(*(f"n{number}" for number in range(1, instances + 1)))
    view = with_artifact(with_artifact(view, SHOP_1), SHOP_2)
    view = with_blueprint(view, spec(SHOP_1, instances))
    for number in range(instances):
        view = with_instance(view, f"n{number + 1}", f"{SHOP_1}/{number}", wish(), fact())
    return replace(view, targets={SHOP: target(instances=instances)})


def test_a_first_blueprint_starts_dependencies_first_and_each_step_takes_its_time() -> None:
    view = with_artifact(with_artifact(nodes("n1"), SHOP_1), STOCK_1, needs=[SHOP])
    found = rehearse(view, [apply(spec(SHOP_1), spec(STOCK_1, needs=[SHOP]))], SETTINGS, PACE)
    assert [(step.at_s, step.verb, step.slice) for step in found.steps] == [
        (0.0, "TARGET", SHOP),
        (0.0, "TARGET", STOCK),
        (0.0, "LOAD", SHOP),
        (0.0, "LOAD", STOCK),
        (2.0, "ACTIVATE", SHOP),
        (3.0, "ACTIVATE", STOCK),
    ]
    assert (found.converged, found.duration_s, found.waiting) == (True, 4.0, ())
    assert found.placements == {"n1": (f"{SHOP_1}/0", f"{STOCK_1}/0")}
    assert found.dips == ()
    assert [slice_.before for slice_ in found.slices] == [None, None]


def test_nothing_is_done_about_a_cluster_that_is_as_wanted() -> None:
    found = rehearse(serving(), [], SETTINGS, PACE)
    assert (found.steps, found.slices, found.duration_s, found.converged) == ((), (), 0.0, True)
    assert found.placements == {"n1": (f"{SHOP_1}/0",), "n2": (f"{SHOP_1}/1",)}


def test_an_update_shows_who_takes_the_requests_and_never_dips() -> None:
    found = rehearse(serving(), [apply(spec(SHOP_2, 2), generation=2)], SETTINGS, PACE)
    (change,) = found.slices
    assert dict(change.traffic[0].active) == {"1.0.0": 2}
    assert dict(change.traffic[-1].active) == {"2.0.0": 2}
    assert any(len(part.active) == 2 for part in change.traffic)
    assert all(sum(part.active.values()) >= 2 for part in change.traffic)
    assert found.dips == ()
    assert (len(change.started), len(change.removed), change.restarted) == (2, 2, ())


def test_a_deletion_ends_with_nothing() -> None:
    found = rehearse(serving(), [Delete(keys.blueprint(APP))], SETTINGS, PACE)
    assert found.placements == {"n1": (), "n2": ()}
    assert [step.verb for step in found.steps][-1] == "DROP TARGET"
    (change,) = found.slices
    assert (change.after, len(change.removed)) == (None, 2)
    assert found.dips == ()


def test_what_finds_no_room_is_told_and_is_no_reason_to_go_on() -> None:
    view = with_artifact(nodes("n1", capacity=1), SHOP_1)
    found = rehearse(view, [apply(spec(SHOP_1, 3))], SETTINGS, PACE)
    assert found.converged
    assert len(found.placements[NodeId("n1")]) == 1
    assert any(SHOP in sentence for sentence in found.waiting)


def test_a_node_that_is_suspect_stays_so_and_what_it_has_to_do_stays_undone() -> None:
    view = serving()
    doubted = VerdictRecord(verdict=Verdict.SUSPECT, incarnation="life-1")
    view = replace(view, verdicts={**view.verdicts, NodeId("n2"): doubted})
    found = rehearse(view, [Delete(keys.blueprint(APP))], SETTINGS, PACE)
    assert not found.converged
    assert found.verdicts[NodeId("n2")] == "SUSPECT"
    assert found.placements == {"n1": (), "n2": (f"{SHOP_1}/1",)}
    assert f"n2 (SUSPECT) has yet to DEACTIVATE {SHOP_1}/1" in found.waiting


def test_instances_of_a_lost_node_are_placed_anew() -> None:
    view = serving(3, nodes("n1", "n2", "n3"))
    lost = VerdictRecord(verdict=Verdict.LOST, incarnation="life-1")
    view = replace(view, verdicts={**view.verdicts, NodeId("n3"): lost})
    found = rehearse(view, [], SETTINGS, PACE)
    assert found.converged
    assert {node: len(hosted) for node, hosted in found.placements.items()} in (
        {"n1": 2, "n2": 1, "n3": 0},
        {"n1": 1, "n2": 2, "n3": 0},
    )


def test_a_failed_instance_is_tried_again_after_its_wait() -> None:
    failed = fact(Phase.FAILED, failure=Failure(kind="transient", message="no luck"))
    view = with_instance(serving(), "n1", f"{SHOP_1}/0", wish(), failed)
    found = rehearse(view, [], SETTINGS, PACE)
    assert [(step.verb, step.node) for step in found.steps] == [("LOAD", "n1"), ("ACTIVATE", "n1")]
    assert found.steps[0].at_s >= SETTINGS.backoff_first_s
    (change,) = found.slices
    assert change.restarted == (f"{SHOP_1}/0",)
    assert found.converged


def test_what_is_under_way_already_goes_on() -> None:
    loading = fact(Phase.LOADING)
    view = with_instance(serving(), "n1", f"{SHOP_1}/0", wish(generation=2), loading)
    found = rehearse(view, [], SETTINGS, PACE)
    assert found.converged
    assert found.duration_s == PACE.load_s + PACE.activate_s


def test_an_empty_node_is_filled_in_the_calm_after() -> None:
    view = serving(2, nodes("n1", "n2", "n3"))
    crowded = with_instance(view, "n1", f"{SHOP_1}/2", wish(), fact())
    crowded = with_instance(crowded, "n2", f"{SHOP_1}/3", wish(), fact())
    crowded = with_blueprint(crowded, spec(SHOP_1, 4))
    crowded = replace(crowded, targets={SHOP: target(instances=4)})
    found = rehearse(crowded, [], SETTINGS, PACE)
    assert found.converged
    assert len(found.placements[NodeId("n3")]) >= 1
    assert found.steps[0].at_s >= SETTINGS.settle_s
    assert found.dips == ()


@pytest.mark.parametrize(
    ("bounds", "told"),
    [
        (Bounds(time_s=2.5), "after 2.5 s of virtual time"),
        (Bounds(steps=2), "after 2 steps"),
        (Bounds(work=10), "after looking at 10 instances"),
    ],
)
def test_a_rehearsal_ends_at_its_bounds_and_says_what_is_under_way(
    bounds: Bounds, told: str
) -> None:
    view = with_artifact(nodes("n1", "n2"), SHOP_1)
    found = rehearse(view, [apply(spec(SHOP_1, 12))], SETTINGS, PACE, bounds)
    assert not found.converged
    stopped = [text for text in found.waiting if told in text]
    assert len(stopped) == 1
    assert found.duration_s <= bounds.time_s


def test_many_instances_under_way_are_counted_not_listed() -> None:
    view = with_artifact(nodes("n1", "n2"), SHOP_1)
    found = rehearse(view, [apply(spec(SHOP_1, 12))], SETTINGS, PACE, Bounds(time_s=1.0))
    assert "and 7 instances more are under way" in found.waiting


def test_a_node_that_is_asked_for_does_not_come_within_the_rehearsal() -> None:
    view = replace(serving(), topology=TopologyRecord(nodes=3, max_nodes=5))
    found = rehearse(view, [], replace(SETTINGS, has_provider=True), PACE)
    assert [step.verb for step in found.steps] == ["PROVISION"]
    assert found.converged
    assert found.duration_s < PACE.look_s
    assert {node: len(hosted) for node, hosted in found.placements.items()} == {"n1": 1, "n2": 1}


def test_a_draining_node_is_emptied_replacement_first() -> None:
    view = serving(2, nodes("n1", "n2", "n3"))
    order = VerdictRecord(
        verdict=Verdict.DRAINING, incarnation="life-1", drain=DrainOrder(by="api:test")
    )
    found = rehearse(view, [Put(keys.verdict(NodeId("n1")), encode(order))], SETTINGS, PACE)
    assert found.converged
    assert found.placements[NodeId("n1")] == ()
    assert found.verdicts[NodeId("n1")] == "DECOMMISSIONED"
    assert found.dips == ()
    assert found.steps[-1].verb == "DECOMMISSIONED"
