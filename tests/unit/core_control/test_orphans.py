"""What nobody owns is forgotten, with a reason; everything else is kept."""

from dataclasses import replace

from aether.core.control.orphans import RULES, drop_routes, forget_left_over, forget_lost
from aether.core.control.signals import Signals
from aether.core.model.lifecycle import Phase
from aether.core.model.records import Route, RouteRecord, Verdict
from tests.worlds import SHOP, fact, nodes, placed, wish, with_instance

WHERE = placed("n1", f"{SHOP}:1.0.0/0")
GONE = placed("n9", f"{SHOP}:1.0.0/1")


def test_wishes_and_facts_of_a_node_nobody_knows_are_forgotten() -> None:
    view = with_instance(nodes("n1"), *WHERE, wish(), fact())
    view = with_instance(view, *GONE, wish(), None)
    view = replace(view, phases={**view.phases, placed("n9", f"{SHOP}:1.0.0/2"): fact()})
    forgotten = list(forget_lost(view))
    assert [(step.node, step.instance.ordinal) for step in forgotten] == [("n9", 1), ("n9", 2)]
    for step in forgotten:
        assert "is no node of the cluster" in step.because.text
        assert RULES["forget"](step.because.inputs) == "forget"


def test_those_of_a_lost_or_decommissioned_node_are_too() -> None:
    for verdict in (Verdict.LOST, Verdict.DECOMMISSIONED):
        view = with_instance(nodes("n1", verdict=verdict), *WHERE, wish(), fact())
        (step,) = forget_lost(view)
        assert f"which is {verdict}" in step.because.text
    draining = with_instance(nodes("n1", verdict=Verdict.DRAINING), *WHERE, wish(), fact())
    assert list(forget_lost(draining)) == []


def test_a_fact_without_a_wish_is_the_nodes_to_take_away_and_after_six_minutes_ours() -> None:
    view = replace(nodes("n1"), phases={WHERE: fact(Phase.UNLOADING)})

    def after(seconds: float) -> int:
        signals = Signals(reign_began=0.0, since={WHERE: 1000.0 - seconds})
        return len(list(forget_left_over(view, signals, 1000.0)))

    assert after(359) == 0
    assert after(361) == 1
    wanted = with_instance(nodes("n1"), *WHERE, wish(), fact())
    assert list(forget_left_over(wanted, Signals(reign_began=0.0, since={WHERE: 0.0}), 1e6)) == []


def test_a_claim_of_an_earlier_life_keeps_its_route_until_the_node_has_said_more() -> None:
    route = Route(method="GET", pattern="/a")
    record = RouteRecord(slice=SHOP, timeout_s=1.0, body_limit=1)
    stale = fact(incarnation="life-0", routes=(route,))
    view = with_instance(nodes("n1"), *WHERE, wish(), stale)
    view = replace(view, routes={("GET", "/a"): record})
    assert list(drop_routes(view)) == []
    alone = replace(view, wanted={})
    (dropped,) = drop_routes(alone)
    assert RULES["route"](dropped.because.inputs) == "drop"


def test_a_route_goes_when_its_slice_answers_it_for_another_host_only() -> None:
    here = fact(routes=(Route(method="GET", pattern="/a", host="a.org"),))
    view = with_instance(nodes("n1"), *WHERE, wish(), here)
    record = RouteRecord(slice=SHOP)
    view = replace(view, routes={("GET", "/a"): record, ("GET", "a.org/a"): record})
    assert [(gone.method, gone.place) for gone in drop_routes(view)] == [("GET", "/a")]
