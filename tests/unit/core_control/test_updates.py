"""Which outdated instances go, case by case."""

from dataclasses import replace

from aether.core.control.updates import (
    RULES,
    Outdated,
    because,
    decide,
    ends,
    fits,
    in_order,
    is_useless,
    shared_question,
    surge_left,
    why,
)
from aether.core.model.ids import NodeId
from aether.core.model.lifecycle import Desired, Phase
from aether.core.model.records import Failure, Placement, Update, Verdict, VerdictRecord
from tests.worlds import SHOP, fact, node_record, nodes, placed, target, wish, with_instance

ASKED = Outdated(
    wanted=4, budget=2, active=4, new_active=0, old=4, rank=0, serves=True, useless=False,
    no_room=False, leaving=0,
)  # fmt: skip


def test_the_worked_example_of_the_module() -> None:
    assert surge_left(target(instances=4), 4) == 1
    assert decide(ASKED) == "keep"
    one_new = replace(ASKED, new_active=1, active=5)
    assert decide(one_new) == "end"
    assert decide(replace(one_new, rank=1)) == "keep"


def test_where_no_node_has_room_one_makes_room_within_the_budget() -> None:
    full = replace(ASKED, no_room=True)
    assert decide(full) == "end"
    assert "no node has room" in why(full, "2.0.0")
    assert decide(replace(full, rank=1)) == "keep"
    assert decide(replace(full, leaving=1)) == "keep"
    assert decide(replace(full, active=2)) == "keep"
    assert decide(replace(full, active=2, serves=False)) == "end"


def test_an_instance_that_never_served_or_failed_for_good_goes_at_once() -> None:
    where = placed("n1", f"{SHOP}:1.0.0/0")
    loading = with_instance(nodes("n1"), *where, wish(Desired.LOAD, 1), fact(Phase.LOADING, 1))
    assert is_useless(loading, where)
    tried = with_instance(nodes("n1"), *where, wish(Desired.LOAD, 3, attempt=1), None)
    assert not is_useless(tried, where)
    for kind, useless in (("fatal", True), ("transient", False)):
        failure = Failure(kind=kind, message="x")  # type: ignore[arg-type] # both are kinds
        failed = fact(Phase.FAILED, 2, failure=failure)
        assert is_useless(with_instance(nodes("n1"), *where, wish(), failed), where) is useless
    assert decide(replace(ASKED, useless=True)) == "end"


def test_one_that_is_tried_again_in_place_of_one_that_stays_has_no_use() -> None:
    old, mover = placed("n1", f"{SHOP}:1.0.0/0"), placed("n2", f"{SHOP}:1.0.0/1")
    moves = replace(wish(Desired.LOAD, 3, attempt=1), replaces="/".join(old))
    loading = with_instance(nodes("n1", "n2"), *mover, moves, None)
    beside = with_instance(loading, *old, wish(), fact())
    assert is_useless(beside, mover)
    leaving = with_instance(loading, *old, wish(Desired.DEACTIVATE, 3), fact())
    assert not is_useless(leaving, mover), "it may serve when that one is gone"


def test_version_settings_and_labels_of_the_node_must_fit() -> None:
    wanted, node = target(), node_record("n1")
    assert fits("1.0.0", wish(), wanted, node)
    assert not fits("2.0.0", wish(), wanted, node)
    assert not fits("1.0.0", wish(), replace(wanted, config={"a": 1}), node)
    assert not fits("1.0.0", wish(), replace(wanted, timeout_s=1.0), node)
    picky = replace(wanted, placement=Placement(require={"disk": "ssd"}))
    assert not fits("1.0.0", wish(), picky, node)
    assert fits("1.0.0", wish(), picky, replace(node, labels={"disk": "ssd"}))


def test_settings_of_another_type_are_other_settings() -> None:
    for before, after in ((1, True), (1, 1.0), ([1], [True]), ({"a": 0}, {"a": False})):
        was, asked = replace(wish(), config={"debug": before}), target()
        assert fits("1.0.0", was, replace(asked, config={"debug": before}), None)
        assert not fits("1.0.0", was, replace(asked, config={"debug": after}), None)


def test_an_immediate_update_may_start_all_at_once() -> None:
    at_once = replace(target(instances=4), update=Update(strategy="immediate"))
    assert surge_left(at_once, 4) == 4
    assert surge_left(at_once, 9) == 0


def test_who_does_not_serve_goes_first_then_the_oldest() -> None:
    view = nodes("n1")
    young = replace(wish(), target_generation=2)
    for ordinal, wanted, phase in (
        (0, young, fact()), (1, wish(), fact()), (2, young, fact(Phase.LOADING)),
    ):  # fmt: skip
        view = with_instance(view, "n1", f"{SHOP}:1.0.0/{ordinal}", wanted, phase)
    order = in_order(view, view.wanted)
    assert [instance.ordinal for _, instance in order] == [2, 1, 0]
    shared = shared_question(target(instances=3), active=4, new_active=2, old=3, leaving=0)
    gone = ends(view, shared, order)
    assert [where[1].ordinal for where, _ in gone] == [2, 1]
    reason = because(gone[0][1], "text", order)
    assert reason.rule == "update"
    assert list(reason.rejected) == [f"end n1/{SHOP}:1.0.0/1", f"end n1/{SHOP}:1.0.0/0"]
    assert RULES["update"](reason.inputs) == "end"


def test_who_serves_on_a_doubted_node_goes_after_who_does_not_serve_at_all() -> None:
    """Seed 319: the node was well, and the one ended there was one of the two that served."""
    view = nodes("n1", "n2")
    suspect = VerdictRecord(verdict=Verdict.SUSPECT, incarnation="life-1")
    view = replace(view, verdicts={**view.verdicts, NodeId("n1"): suspect})
    young = replace(wish(), target_generation=2)
    view = with_instance(view, "n1", f"{SHOP}:1.0.0/0", wish(), fact())
    view = with_instance(view, "n2", f"{SHOP}:1.0.0/1", young, fact(Phase.LOADING))
    view = with_instance(view, "n2", f"{SHOP}:1.0.0/2", wish(), fact())
    assert [instance.ordinal for _, instance in in_order(view, view.wanted)] == [1, 0, 2]
