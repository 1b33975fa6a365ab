"""Taking instances away, step by step."""

from dataclasses import replace

from aether.core.control.removal import (
    RULES,
    Replaced,
    begin_removal,
    continue_removals,
    is_leaving,
    is_replaced,
    retired_dependents,
)
from aether.core.control.signals import Signals
from aether.core.model.lifecycle import Desired, Phase
from aether.core.model.plan import Forget, Wish
from aether.core.model.records import Dependency, Failure, PhaseRecord
from aether.core.model.view import ClusterView
from tests.worlds import SHOP, STOCK, fact, nodes, placed, target, wish, with_instance

WHERE = placed("n1", f"{SHOP}:1.0.0/0")


def leaving(desired: Desired, phase: PhaseRecord | None) -> ClusterView:
    return with_instance(nodes("n1"), *WHERE, wish(desired, 3), phase)


def next_step(view: ClusterView, *, for_s: float = 1.0) -> Desired | type[Forget] | None:
    signals = Signals(reign_began=0.0, since={WHERE: 1000.0 - for_s})
    steps = list(continue_removals(view, signals, 1000.0))
    if not steps:
        return None
    return steps[0].record.desired if isinstance(steps[0], Wish) else Forget


def test_an_instance_that_serves_is_drained_and_any_other_ended_at_once() -> None:
    serving = with_instance(nodes("n1"), *WHERE, wish(), fact())
    assert begin_removal(serving, WHERE, "x").record.desired is Desired.DEACTIVATE
    loading = with_instance(nodes("n1"), *WHERE, wish(Desired.LOAD, 1), fact(Phase.LOADING, 1))
    assert begin_removal(loading, WHERE, "x").record.desired is Desired.UNLOAD
    failed = with_instance(nodes("n1"), *WHERE, wish(), fact(Phase.FAILED, incarnation="life-0"))
    assert begin_removal(failed, WHERE, "x").record.desired is Desired.UNLOAD


def test_what_served_in_another_life_of_its_node_may_serve_still_and_is_drained() -> None:
    stale = with_instance(nodes("n1"), *WHERE, wish(), fact(incarnation="life-0"))
    step = begin_removal(stale, WHERE, "x")
    assert step.record.desired is Desired.DEACTIVATE
    assert RULES["remove"](step.because.inputs) == "DEACTIVATE"


def test_drained_then_unloaded_then_forgotten() -> None:
    assert next_step(leaving(Desired.DEACTIVATE, fact(Phase.DEACTIVATING, 3))) is None
    assert next_step(leaving(Desired.DEACTIVATE, fact(Phase.LOADED, 3))) is Desired.UNLOAD
    assert next_step(leaving(Desired.UNLOAD, fact(Phase.UNLOADING, 4))) is None
    assert next_step(leaving(Desired.UNLOAD, None)) is Forget


def test_an_answer_to_an_older_wish_is_no_answer() -> None:
    assert next_step(leaving(Desired.DEACTIVATE, fact(Phase.LOADED, 2))) is None


def test_a_failure_while_draining_does_not_keep_it() -> None:
    failure = Failure(kind="transient", message="gone")
    failed = fact(Phase.FAILED, 3, failure=failure)
    assert next_step(leaving(Desired.DEACTIVATE, failed)) is Desired.UNLOAD


def test_what_is_stuck_is_pushed_on_after_three_times_its_time() -> None:
    draining = leaving(Desired.DEACTIVATE, fact(Phase.DEACTIVATING, 3))
    assert next_step(draining, for_s=89) is None
    assert next_step(draining, for_s=91) is Desired.UNLOAD
    unloading = leaving(Desired.UNLOAD, fact(Phase.UNLOADING, 3))
    assert next_step(unloading, for_s=359) is None
    assert next_step(unloading, for_s=361) is Forget


def test_retired_dependents_go_first() -> None:
    needs_stock = replace(target(), dependencies=(Dependency(slice=STOCK),))
    view = replace(nodes("n1"), targets={SHOP: needs_stock, STOCK: target()})
    assert retired_dependents(view, STOCK) == []
    held = with_instance(view, *WHERE, wish(), fact())
    assert retired_dependents(held, STOCK) == [SHOP]


def test_a_parked_instance_is_not_leaving_until_it_is_ended() -> None:
    parked = replace(wish(Desired.DEACTIVATE, 3), parked=True)
    assert not is_leaving(parked)
    view = with_instance(nodes("n1"), *WHERE, parked, fact(Phase.LOADED, 3))
    assert list(continue_removals(view, Signals(reign_began=0.0), 1000.0)) == []
    ended = begin_removal(view, WHERE, "x")
    assert ended.record.desired is Desired.UNLOAD
    assert is_leaving(ended.record)
    assert RULES["remove"](ended.because.inputs) == "UNLOAD"


def test_a_replaced_instance_stays_while_the_budget_needs_it() -> None:
    asked = Replaced(serves=True, replacement_serves=True, active=3, budget=2)
    assert is_replaced(asked) == "end"
    assert is_replaced(replace(asked, active=2)) == "keep"
    assert is_replaced(replace(asked, active=2, serves=False)) == "end"
    assert is_replaced(replace(asked, replacement_serves=False)) == "keep"
