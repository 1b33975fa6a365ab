"""The order of the stages is the order of precedence."""

from dataclasses import replace

from aether.core.control.reconcile import reconcile
from aether.core.control.signals import ControlSettings
from aether.core.model.ids import NodeId
from aether.core.model.lifecycle import Desired
from aether.core.model.plan import DropTarget, Forget, Judge, SetTarget, Wish, carry_out
from aether.core.model.records import Verdict
from tests.worlds import (
    SHOP,
    all_heard,
    fact,
    nodes,
    obey,
    spec,
    target,
    wish,
    with_blueprint,
    with_instance,
)

SETTINGS = ControlSettings()
NOW = 5000.0


def test_one_look_judges_a_lost_node_and_places_anew_elsewhere() -> None:
    view = with_blueprint(nodes("n1", "n2"), spec(f"{SHOP}:1.0.0"))
    view = replace(view, targets={SHOP: target()})
    view = with_instance(view, "n1", f"{SHOP}:1.0.0/0", wish(), fact())
    plan = reconcile(view, all_heard(view, NOW, but=["n1"]), SETTINGS, NOW)
    assert [type(command) for command in plan.commands] == [Judge, Forget, Wish]
    placed = plan.commands[2]
    assert isinstance(placed, Wish)
    assert placed.node == "n2"
    assert all(command.because.text for command in plan.commands)


def test_a_name_that_a_plan_frees_is_given_again_by_the_next_look() -> None:
    view = with_blueprint(nodes("n1"), spec(f"{SHOP}:1.0.0"))
    view = replace(view, targets={SHOP: target()})
    gone = with_instance(view, "n1", f"{SHOP}:1.0.0/0", wish(Desired.UNLOAD, 3), None)
    plan = reconcile(gone, all_heard(gone, NOW), SETTINGS, NOW)
    assert [type(command) for command in plan.commands] == [Forget]
    after = carry_out(gone, plan.commands)
    (placed,) = reconcile(after, all_heard(after, NOW), SETTINGS, NOW).commands
    assert isinstance(placed, Wish)
    assert placed.instance == f"{SHOP}:1.0.0/0"


def test_a_blueprint_becomes_targets_and_placements_in_one_look() -> None:
    view = with_blueprint(nodes("n1"), spec(f"{SHOP}:1.0.0"))
    plan = reconcile(view, all_heard(view, NOW), SETTINGS, NOW)
    assert [type(command) for command in plan.commands] == [SetTarget, Wish]


def test_how_instances_are_picked_changes_without_a_restart() -> None:
    before = with_blueprint(nodes("n1"), spec(f"{SHOP}:1.0.0"))
    before = with_instance(
        replace(before, targets={SHOP: target()}), "n1", f"{SHOP}:1.0.0/0", wish(), fact()
    )
    other = replace(
        spec(f"{SHOP}:1.0.0"),
        balance="least_pending", affinity="cookie:sid", concurrency=4, slow_start_s=9.0,
    )  # fmt: skip
    changed = with_blueprint(before, other, generation=2)
    (only,) = reconcile(changed, all_heard(changed, NOW), SETTINGS, NOW).commands
    assert isinstance(only, SetTarget)
    record = only.record
    assert (record.balance, record.affinity) == ("least_pending", "cookie:sid")
    assert (record.concurrency, record.slow_start_s) == (4, 9.0)
    settled = carry_out(changed, [only])
    assert reconcile(settled, all_heard(settled, NOW), SETTINGS, NOW).commands == ()


def test_a_deleted_blueprint_with_nothing_left_drops_its_target() -> None:
    view = replace(nodes("n1"), targets={SHOP: target()})
    plan = reconcile(view, all_heard(view, NOW), SETTINGS, NOW)
    assert [type(command) for command in plan.commands] == [DropTarget]


def test_what_is_not_done_is_said() -> None:
    view = with_blueprint(nodes("n1", verdict=Verdict.LOST), spec(f"{SHOP}:1.0.0", 2))
    plan = reconcile(view, all_heard(view, NOW, but=["n1"]), SETTINGS, NOW)
    assert any("1 not on duty" in sentence for sentence in plan.waiting)


def test_nothing_moves_before_it_has_been_calm() -> None:
    view = with_blueprint(nodes("n1"), spec(f"{SHOP}:1.0.0", 4))
    while (plan := reconcile(view, all_heard(view, NOW), SETTINGS, NOW)).commands:
        view = obey(view, plan)
    more = nodes("n1", "n2")
    view = replace(view, nodes=more.nodes, verdicts=more.verdicts)
    restless = replace(all_heard(view, NOW), calm_since=NOW - 1)
    assert not reconcile(view, restless, SETTINGS, NOW).commands
    (move,) = reconcile(view, all_heard(view, NOW), SETTINGS, NOW).commands
    assert isinstance(move, Wish)
    assert move.node == NodeId("n2")
    assert move.record.replaces.startswith("n1/")
