"""How blueprints and slices are said to be doing."""

from dataclasses import replace

from aether.core.control.status import (
    blueprint_status,
    blueprint_statuses,
    slice_status,
    slice_statuses,
)
from aether.core.control.targets import derive_targets
from aether.core.model.ids import NodeId
from aether.core.model.lifecycle import Desired, Phase
from aether.core.model.plan import carry_out
from aether.core.model.records import (
    Dependency,
    Failure,
    OnDependencyLoss,
    Verdict,
    VerdictRecord,
)
from aether.core.model.view import ClusterView
from tests.worlds import APP, SHOP, STOCK, fact, nodes, spec, wish, with_blueprint, with_instance


def shop(instances: int = 1) -> ClusterView:
    view = with_blueprint(nodes("n1", "n2"), spec(f"{SHOP}:1.0.0", instances))
    return carry_out(view, derive_targets(view))


def state(view: ClusterView) -> str | None:
    status = blueprint_status(view, APP)
    return status.state if status else None


def test_nothing_is_known_of_what_does_not_exist() -> None:
    assert blueprint_status(nodes("n1"), APP) is None
    assert slice_status(nodes("n1"), SHOP) is None


def test_it_is_deploying_until_every_wanted_instance_serves() -> None:
    view = shop(2)
    assert state(view) == "DEPLOYING"
    one = with_instance(view, "n1", f"{SHOP}:1.0.0/0", wish(), fact())
    assert state(one) == "DEPLOYING"
    both = with_instance(one, "n2", f"{SHOP}:1.0.0/1", wish(), fact())
    assert state(both) == "DEPLOYED"
    status = slice_status(one, SHOP)
    assert status is not None
    assert (status.active, status.wanted) == (1, 2)
    assert "1 of 2 instances serve" in status.reasons


def test_before_targets_are_derived_it_is_deploying() -> None:
    assert state(with_blueprint(nodes("n1"), spec(f"{SHOP}:1.0.0"))) == "DEPLOYING"


def test_a_fact_of_an_earlier_life_or_of_a_doubted_node_does_not_count() -> None:
    stale = with_instance(shop(), "n1", f"{SHOP}:1.0.0/0", wish(), fact(incarnation="life-0"))
    assert state(stale) == "DEPLOYING"
    served = with_instance(shop(), "n1", f"{SHOP}:1.0.0/0", wish(), fact())
    suspect = VerdictRecord(verdict=Verdict.SUSPECT, incarnation="life-1")
    doubted = replace(served, verdicts={**served.verdicts, NodeId("n1"): suspect})
    assert state(doubted) == "DEPLOYING"


def test_a_fatal_failure_is_said_with_its_reason() -> None:
    failure = Failure(kind="fatal", message="ModuleNotFoundError: shop")
    failed = fact(Phase.FAILED, 1, failure=failure)
    view = with_instance(shop(), "n1", f"{SHOP}:1.0.0/0", wish(Desired.LOAD, 1), failed)
    assert state(view) == "FAILED"
    status = slice_status(view, SHOP)
    assert status is not None
    assert "ModuleNotFoundError: shop" in status.reasons[0]


def test_a_try_under_way_says_why_the_one_before_failed() -> None:
    failure = Failure(kind="fatal", message="ModuleNotFoundError: shop")
    trying = fact(Phase.ACTIVATING, 2, failure=failure)
    view = with_instance(shop(), "n1", f"{SHOP}:1.0.0/0", wish(), trying)
    assert state(view) == "DEPLOYING"
    status = slice_status(view, SHOP)
    assert status is not None
    assert status.reasons[0] == (
        f"{SHOP}:1.0.0/0 on n1 is tried again after: ModuleNotFoundError: shop"
    )


def test_a_deleted_blueprint_is_removing_until_its_targets_are_gone() -> None:
    view = replace(shop(), blueprints={})
    assert state(view) == "REMOVING"
    status = slice_status(view, SHOP)
    assert status is not None
    assert status.wanted == 0
    assert state(replace(view, targets={})) is None


def test_an_instance_on_its_way_out_keeps_it_deploying() -> None:
    view = with_instance(shop(), "n1", f"{SHOP}:1.0.0/0", wish(), fact())
    leaving = with_instance(
        view, "n2", f"{SHOP}:1.0.0/1", wish(Desired.UNLOAD, 4), fact(Phase.UNLOADING, 4)
    )
    assert state(leaving) == "DEPLOYING"


def test_what_it_does_without_makes_a_blueprint_degraded_not_deploying() -> None:
    view = with_instance(shop(), "n1", f"{SHOP}:1.0.0/0", wish(), fact())
    needs = (Dependency(slice=STOCK),)
    cases: tuple[tuple[OnDependencyLoss, str], ...] = (
        ("degrade", "DEGRADED"),
        ("block", "DEGRADED"),
        ("cascade", "DEPLOYED"),
    )
    for mode, expected in cases:
        wanted = replace(view.targets[SHOP], dependencies=needs, on_dependency_loss=mode)
        assert state(replace(view, targets={SHOP: wanted})) == expected


def test_one_pass_over_all_slices_says_what_a_look_at_each_says() -> None:
    view = with_instance(shop(), "n1", f"{SHOP}:1.0.0/0", wish(), fact())
    (only,) = slice_statuses(view)
    assert only == slice_status(view, SHOP)
    assert only.min_available == 1
    assert [found.state for found in blueprint_statuses(view)] == [state(view)]


def test_parked_old_and_unplaced_instances_are_told() -> None:
    parked = replace(wish(Desired.DEACTIVATE, 3), parked=True)
    view = with_instance(shop(2), "n1", f"{SHOP}:1.0.0/0", parked, fact(Phase.LOADED, 3))
    status = slice_status(view, SHOP)
    assert status is not None
    assert any("1 parked" in sentence for sentence in status.reasons)
    assert any("lacks 1" in sentence for sentence in status.reasons)
    old = with_instance(shop(), "n1", f"{SHOP}:0.9.0/0", wish(), fact())
    told = slice_status(old, SHOP)
    assert told is not None
    assert any("keeps 1 of other versions" in sentence for sentence in told.reasons)
