"""The stage of scaling: which wishes become targets, and what holds a slice."""

from dataclasses import replace

import pytest

from aether.core.control.reconcile import reconcile
from aether.core.control.replay import RULES
from aether.core.control.scaling import RULE, instances_of, scale, version_of, why_held, why_kept
from aether.core.control.signals import ControlSettings, ScaleWish, Signals
from aether.core.model.lifecycle import Desired, Phase
from aether.core.model.plan import SetTarget, Wish
from aether.core.model.reason import Reason
from aether.core.model.records import Failure
from aether.core.model.view import ClusterView
from aether.core.scaling.decision import RULES as CORE
from tests.scaling_world import running, scaled
from tests.worlds import SHOP, all_heard, fact, spec, target, wish, with_blueprint, with_instance

BECAUSE = Reason("", "scaling.load", "there is load")


def wants(instances: int, *, based_on: int = 7, generation: int = 1) -> Signals:
    asked = ScaleWish(
        instances=instances, based_on=based_on, generation=generation, because=BECAUSE
    )
    return Signals(reign_began=0.0, scale={SHOP: asked})


def test_a_wish_becomes_a_target_that_says_who_set_it() -> None:
    (step,) = scale(running(2), wants(4))
    assert (step.base, step.record.instances, step.record.scaled_by) == (SHOP, 4, "controller")
    assert step.because == BECAUSE


@pytest.mark.parametrize(
    ("view", "signals"),
    [
        (running(2, target(instances=2)), wants(4)),
        (running(2), wants(4, based_on=6)),
        (running(2), wants(4, generation=2)),
        (running(2), wants(1)),
        (running(2), wants(11)),
        (running(2), wants(2)),
        (ClusterView(), wants(4)),
    ],
    ids=["not scaled", "other target", "other generation", "below", "above", "same", "unknown"],
)
def test_a_wish_that_does_not_hold_any_more_is_left_alone(
    view: ClusterView, signals: Signals
) -> None:
    assert list(scale(view, signals)) == []


def test_the_plan_sets_the_target_and_places_what_it_asks_for() -> None:
    view = running(2)
    signals = replace(all_heard(view, 50.0), scale=wants(4).scale)
    plan = reconcile(view, signals, ControlSettings(), 50.0)
    (set_target,) = [command for command in plan.commands if isinstance(command, SetTarget)]
    placed = [command for command in plan.commands if isinstance(command, Wish)]
    assert set_target.record.instances == 4
    assert len(placed) >= 1


def test_a_blueprint_that_is_being_taken_in_comes_first() -> None:
    view = with_blueprint(running(2), spec(f"{SHOP}:1.0.0", 3), generation=2)
    assert "generation 2" in why_held(view, SHOP)
    signals = replace(all_heard(view, 50.0), scale=wants(5).scale)
    plan = reconcile(view, signals, ControlSettings(), 50.0)
    targets = [command for command in plan.commands if isinstance(command, SetTarget)]
    assert [command.because.rule for command in targets] == ["target"]


def test_an_update_holds_the_slice() -> None:
    record = replace(scaled(2), version="2.0.0")
    updated = running(2, record)
    assert "update to 2.0.0 has 2 instances" in why_held(updated, SHOP)
    assert version_of(updated.slices()[SHOP]) == ""
    assert version_of(running(2).slices()[SHOP]) == "1.0.0"


FAILED = fact(Phase.FAILED, failure=Failure(kind="transient", message="no"))


def test_a_slice_half_of_which_fails_to_start_is_held() -> None:
    view = with_instance(running(1), "n1", f"{SHOP}:1.0.0/5", wish(Desired.LOAD), FAILED)
    assert "1 of its 2 instances fail to start" in why_held(view, SHOP)
    again = wish(Desired.LOAD, attempt=1)
    view = with_instance(running(1), "n1", f"{SHOP}:1.0.0/5", again, None)
    assert f"{SHOP}:1.0.0/5" in why_held(view, SHOP)
    assert why_kept(view, SHOP) != ""


def test_a_slice_of_which_none_serves_is_held_while_one_fails() -> None:
    view = running(3)
    for ordinal in range(3):
        fate = FAILED if ordinal == 0 else fact(Phase.LOADED)
        node = sorted(view.nodes)[ordinal % 2]
        view = with_instance(view, node, f"{SHOP}:1.0.0/{ordinal}", wish(), fate)
    assert "1 of its 3 instances fail to start" in why_held(view, SHOP)


def test_one_instance_of_many_that_fails_to_start_keeps_the_others_and_lets_them_grow() -> None:
    view = with_instance(running(4), "n1", f"{SHOP}:1.0.0/5", wish(Desired.LOAD), FAILED)
    assert why_held(view, SHOP) == ""
    assert "1 of its 5 instances fail to start" in why_kept(view, SHOP)
    assert instances_of(view.slices()[SHOP]) == (4, 1)
    (grown,) = scale(view, wants(6))
    assert grown.record.instances == 6
    assert list(scale(view, wants(3))) == []
    assert why_kept(running(4), SHOP) == ""


def test_parked_instances_and_removal_hold_the_slice() -> None:
    parked = replace(wish(Desired.DEACTIVATE), parked=True)
    view = with_instance(running(2), "n1", f"{SHOP}:1.0.0/0", parked, fact(Phase.LOADED))
    assert "wait for a slice it requires" in why_held(view, SHOP)
    assert why_held(replace(running(2), blueprints={}), SHOP) == "it is being removed"
    assert why_held(ClusterView(), SHOP) == "it is being removed"


def test_a_slice_at_rest_is_not_held_nor_one_that_grows() -> None:
    assert why_held(running(2), SHOP) == ""
    view = with_instance(running(2), "n1", f"{SHOP}:1.0.0/5", wish(Desired.LOAD), None)
    assert why_held(view, SHOP) == ""
    assert instances_of(view.slices()[SHOP]) == (2, 1)


def test_every_rule_of_the_core_can_be_decided_again_under_its_name_here() -> None:
    assert {f"{RULE}{name}" for name in CORE} <= RULES.keys()
