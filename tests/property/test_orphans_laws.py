"""Laws of what nobody owns: lost nodes are emptied, what lives is left alone, routes outlive who may answer."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from aether.core.control.liveness import is_gone
from aether.core.control.orphans import (
    Orphan,
    decide,
    drop_routes,
    forget_left_over,
    forget_lost,
)
from aether.core.control.signals import Signals
from aether.core.model.ids import NodeId, SliceBase
from aether.core.model.lifecycle import Desired, Phase
from aether.core.model.plan import carry_out
from aether.core.model.records import Route, RouteRecord, Verdict, VerdictRecord
from aether.core.model.view import ClusterView, Placed
from tests.worlds import all_heard, fact, nodes, placed, wish

NAMES = ["n0", "n1", "n2", "n3"]
ABSENT = "n9"
"""A node that is not registered any more."""
BASES = [SliceBase(f"org.example:s{number}") for number in range(2)]
PATTERNS = ["/a", "/b"]
NOW = 10_000.0

claims = st.sets(st.sampled_from(PATTERNS)).map(
    lambda found: tuple(Route(method="GET", pattern=pattern) for pattern in sorted(found))
)
facts = st.builds(
    fact,
    st.sampled_from(Phase),
    incarnation=st.sampled_from(["life-0", "life-1"]),
    routes=claims,
)


def answered_by(base: SliceBase) -> RouteRecord:
    return RouteRecord(slice=base, timeout_s=30.0, body_limit=1000)


@st.composite
def views(draw: st.DrawFn) -> ClusterView:
    """Wishes without facts, facts without wishes, on nodes in every state, and routes of either slice."""
    where = [
        placed(node, f"{base}:1.0.0/{number}")
        for number, node in enumerate([*NAMES, ABSENT])
        for base in BASES
    ]
    some = st.sets(st.sampled_from(where))
    verdicts = {
        NodeId(name): VerdictRecord(
            verdict=draw(st.sampled_from(Verdict)),
            incarnation=draw(st.sampled_from(["life-0", "life-1"])),
        )
        for name in draw(st.sets(st.sampled_from(NAMES)))
    }
    routes = draw(st.dictionaries(st.sampled_from(PATTERNS), st.sampled_from(BASES)))
    return replace(
        nodes(*NAMES),
        verdicts=verdicts,
        wanted={one: wish(draw(st.sampled_from(Desired))) for one in sorted(draw(some))},
        phases={one: draw(facts) for one in sorted(draw(some))},
        routes={("GET", pattern): answered_by(base) for pattern, base in routes.items()},
    )


@given(views())
def test_nodes_that_are_gone_are_emptied_and_no_other(view: ClusterView) -> None:
    after = carry_out(view, forget_lost(view))
    for before, now in ((view.wanted, after.wanted), (view.phases, after.phases)):
        assert set(now) == {one for one in before if not is_gone(view, one[0])}
    assert not list(forget_lost(after))


@given(views(), st.floats(0, 2000))
def test_a_fact_without_a_wish_is_left_to_its_node_for_a_while(
    view: ClusterView, waited_s: float
) -> None:
    signals = waiting_since(view, NOW - waited_s)
    forgotten = {(step.node, step.instance) for step in forget_left_over(view, signals, NOW)}
    for one in view.phases:
        strays = one not in view.wanted and not is_gone(view, one[0])
        limit_s = 360.0
        assert (one in forgotten) == (strays and round(waited_s, 3) > limit_s)
    assert forgotten <= view.phases.keys()


def waiting_since(view: ClusterView, since: float) -> Signals:
    everything: set[Placed] = {*view.wanted, *view.phases}
    return replace(all_heard(view, NOW), since=dict.fromkeys(everything, since))


@given(views())
def test_a_route_goes_when_all_that_could_answer_it_serve_and_do_not(view: ClusterView) -> None:
    dropped = {(step.method, step.place) for step in drop_routes(view)}
    for name, route in view.routes.items():
        here = [one for one in view.wanted if one[1].base == route.slice]
        others = [
            one
            for one in here
            if view.is_active(one)
            and name[1] not in {claim.pattern for claim in view.phases[one].routes}
        ]
        assert (name in dropped) == (len(others) == len(here))
    after = carry_out(view, drop_routes(view))
    assert after.routes.keys() == view.routes.keys() - dropped
    assert not list(drop_routes(after))


@given(
    st.builds(
        Orphan,
        node_known=st.booleans(),
        verdict=st.sampled_from(["", *Verdict]),
        gone=st.booleans(),
        wanted=st.booleans(),
        fact=st.booleans(),
        waited_s=st.floats(0, 1000),
        limit_s=st.just(360.0),
    )
)
def test_waiting_longer_never_takes_a_decision_back(asked: Orphan) -> None:
    later = replace(asked, waited_s=asked.waited_s + 1000.0)
    if decide(asked) == "forget":
        assert decide(later) == "forget"
    if asked.wanted and not asked.gone:
        assert decide(later) == "keep"
