"""Nodes that obey at their pace."""

from dataclasses import replace

import pytest

from aether.core.control.rehearsal_nodes import ObedientNodes, Pace, is_silent, unanswered
from aether.core.model.ids import NodeId
from aether.core.model.lifecycle import Desired, Phase
from aether.core.model.records import PhaseRecord, Route, Verdict, VerdictRecord
from aether.core.model.view import ClusterView
from tests.worlds import SHOP, fact, nodes, placed, wish, with_artifact, with_instance

SHOP_1 = f"{SHOP}:1.0.0"
WHERE = placed("n1", f"{SHOP_1}/0")
PACE = Pace(load_s=4.0, activate_s=2.0, drain_s=10.0, deactivate_s=1.0, unload_s=0.5)
ROUTE = Route(method="GET", pattern="/shop", timeout_s=5.0)


def world(desired: Desired, phase: PhaseRecord | None) -> ClusterView:
    view = with_artifact(nodes("n1"), SHOP_1, routes=[ROUTE])
    return with_instance(view, "n1", f"{SHOP_1}/0", wish(desired, generation=3), phase)


@pytest.mark.parametrize(
    ("desired", "before", "during", "takes_s", "after"),
    [
        (Desired.LOAD, None, Phase.LOADING, 4.0, Phase.LOADED),
        (Desired.LOAD, fact(Phase.FAILED), Phase.LOADING, 4.0, Phase.LOADED),
        (Desired.LOAD, fact(Phase.LOADED), Phase.LOADING, 4.0, Phase.LOADED),
        (Desired.ACTIVATE, fact(Phase.LOADED), Phase.ACTIVATING, 2.0, Phase.ACTIVE),
        (Desired.ACTIVATE, None, Phase.ACTIVATING, 6.0, Phase.ACTIVE),
        (
            Desired.ACTIVATE,
            fact(Phase.ACTIVE, incarnation="life-0"),
            Phase.ACTIVATING,
            6.0,
            Phase.ACTIVE,
        ),
        (Desired.DEACTIVATE, fact(Phase.ACTIVE), Phase.DEACTIVATING, 11.0, Phase.LOADED),
        (Desired.DEACTIVATE, fact(Phase.FAILED), Phase.DEACTIVATING, 1.0, Phase.LOADED),
        (Desired.UNLOAD, fact(Phase.LOADED), Phase.UNLOADING, 0.5, None),
    ],
)
def test_a_step_begins_at_once_and_ends_after_its_time(
    desired: Desired,
    before: PhaseRecord | None,
    during: Phase,
    takes_s: float,
    after: Phase | None,
) -> None:
    crew = ObedientNodes(PACE)
    view = crew.begin(world(desired, before), [WHERE], now=100.0)
    assert view.phases[WHERE] == fact(during, 3, routes=(ROUTE,))
    assert crew.next_at == 100.0 + takes_s
    early, nobody = crew.finish(view, 100.0 + takes_s - 0.1)
    assert (early, nobody) == (view, [])
    late, done = crew.finish(view, 100.0 + takes_s)
    assert done == [WHERE]
    assert crew.next_at is None
    expected = None if after is None else fact(after, 3, routes=(ROUTE,))
    assert late.phases.get(WHERE) == expected
    assert (("GET", "/shop") in late.routes) == (after is Phase.ACTIVE)


@pytest.mark.parametrize(
    ("desired", "state"), [(Desired.ACTIVATE, Phase.ACTIVE), (Desired.DEACTIVATE, Phase.LOADED)]
)
def test_what_is_done_already_is_said_at_once(desired: Desired, state: Phase) -> None:
    crew = ObedientNodes(PACE)
    view = crew.begin(world(desired, fact(state)), [WHERE], now=0.0)
    assert view.phases[WHERE] == fact(state, 3, routes=(ROUTE,))
    assert crew.next_at is None


def test_a_step_for_a_wish_that_changed_meanwhile_leads_to_nothing() -> None:
    crew = ObedientNodes(PACE)
    view = crew.begin(world(Desired.LOAD, None), [WHERE], now=0.0)
    newer = with_instance(view, *WHERE, wish(Desired.UNLOAD, generation=4), view.phases[WHERE])
    assert crew.finish(newer, 4.0) == (newer, [])
    forgotten = replace(view, wanted={}, phases={})
    other = ObedientNodes(PACE)
    other.begin(world(Desired.LOAD, None), [WHERE], now=0.0)
    assert other.finish(forgotten, 4.0) == (forgotten, [])


@pytest.mark.parametrize("verdict", [Verdict.SUSPECT, Verdict.LOST])
def test_a_silent_node_does_nothing(verdict: Verdict) -> None:
    view = world(Desired.LOAD, None)
    judged = VerdictRecord(verdict=verdict, incarnation="life-1")
    view = replace(view, verdicts={NodeId("n1"): judged})
    crew = ObedientNodes(PACE)
    assert is_silent(view, NodeId("n1"))
    assert crew.begin(view, [WHERE], 0.0).phases == {}
    assert crew.next_at is None


@pytest.mark.parametrize("verdict", [Verdict.ON_DUTY, Verdict.DRAINING, Verdict.JOINING])
def test_other_nodes_report(verdict: Verdict) -> None:
    assert not is_silent(nodes("n1", verdict=verdict), NodeId("n1"))
    assert is_silent(nodes("n1", verdict=verdict), NodeId("n2"))


@pytest.mark.parametrize(
    ("desired", "phase", "waits"),
    [
        (Desired.LOAD, None, True),
        (Desired.LOAD, fact(Phase.LOADING, 3), True),
        (Desired.LOAD, fact(Phase.LOADED, 2), True),
        (Desired.LOAD, fact(Phase.LOADED, 3), False),
        (Desired.LOAD, fact(Phase.FAILED, 3), False),
        (Desired.ACTIVATE, fact(Phase.ACTIVE, 3, "life-0"), True),
        (Desired.ACTIVATE, fact(Phase.ACTIVE, 3), False),
        (Desired.UNLOAD, fact(Phase.LOADED, 3), True),
        (Desired.UNLOAD, None, False),
    ],
)
def test_whose_answer_is_still_to_come(
    desired: Desired, phase: PhaseRecord | None, waits: bool
) -> None:
    assert unanswered(world(desired, phase)) == ([WHERE] if waits else [])


def test_an_unload_of_what_is_not_there_takes_no_time() -> None:
    crew = ObedientNodes(PACE)
    view = world(Desired.UNLOAD, None)
    assert crew.begin(view, [WHERE], 0.0) == view
    assert crew.next_at is None
