"""Laws of the census: what is told by a slice alone is what a look at the whole cluster tells."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from aether.core.control.census import count, idles
from aether.core.control.convergence import converge
from aether.core.control.liveness import is_relied_on
from aether.core.control.recovery import failure_of
from aether.core.control.removal import is_leaving, may_serve
from aether.core.control.settled import unsettled
from aether.core.control.signals import ControlSettings, Restless, Signals
from aether.core.control.waiting import Waiting
from aether.core.model.ids import InstanceId, NodeId
from aether.core.model.lifecycle import Desired, Phase
from aether.core.model.records import Failure, PhaseRecord, Verdict, VerdictRecord, WantedRecord
from aether.core.model.view import ClusterView
from tests.worlds import SHOP, STOCK, all_heard, fact, nodes, spec, target, wish, with_blueprint

NODES = tuple(NodeId(name) for name in ("n1", "n2", "n3"))
NOW = 1000.0

wishes = st.builds(
    lambda desired, attempt, tried, replaces, parked: replace(
        wish(desired, attempt=attempt), tried=tried, replaces=replaces, parked=parked
    ),
    st.sampled_from([Desired.ACTIVATE] * 4 + [Desired.LOAD] * 2 + list(Desired)),
    st.sampled_from((0, 0, 0, 2)),
    st.sampled_from(((), (), (), (NODES[1],))),
    st.sampled_from(("", "", "", f"n1/{SHOP}:1.0.0/0", f"n1/{STOCK}:1.0.0/0", "n1", "n1/x")),
    st.booleans(),
)
facts = st.builds(
    fact,
    st.sampled_from([Phase.ACTIVE] * 4 + list(Phase)),
    st.sampled_from((2, 2, 2, 1)),
    st.sampled_from(("life-1", "life-1", "life-1", "life-0")),
    st.sampled_from((None, Failure(kind="fatal", message="no"))),
)


@st.composite
def views(draw: st.DrawFn) -> ClusterView:
    """A slice of few instances, many of an older version, that requires another one."""
    wanted: dict[tuple[NodeId, InstanceId], WantedRecord] = {}
    phases: dict[tuple[NodeId, InstanceId], PhaseRecord] = {}
    for number in range(draw(st.integers(1, 6))):
        version = draw(st.sampled_from(("1.0.0", "1.1.0")))
        where = (draw(st.sampled_from(NODES)), InstanceId(f"{SHOP}:{version}/{number}"))
        if draw(st.integers(0, 7)):
            wanted[where] = draw(wishes)
        if draw(st.integers(0, 5)):
            phases[where] = draw(facts)
    view = with_blueprint(nodes(*NODES), spec(f"{SHOP}:1.1.0", 3, [STOCK]))
    doubted = VerdictRecord(
        verdict=draw(st.sampled_from((Verdict.ON_DUTY, Verdict.SUSPECT, Verdict.DRAINING))),
        incarnation="life-1",
    )
    wants = target("1.1.0", draw(st.integers(0, 6)))
    return replace(
        view,
        verdicts={**view.verdicts, NODES[0]: doubted},
        targets={SHOP: wants},
        wanted=wanted,
        phases=phases,
    )


@st.composite
def measured(draw: st.DrawFn) -> tuple[ClusterView, Signals]:
    view = draw(views())
    since = {
        placed: NOW - draw(st.sampled_from((0.0, 50.0, 1e6)))
        for placed in sorted({*view.wanted, *view.phases})
        if draw(st.booleans())
    }
    restless = {
        placed: Restless(draw(st.sampled_from((1, 9))), 1.0)
        for placed in sorted(view.wanted)
        if not draw(st.integers(0, 5))
    }
    return view, replace(all_heard(view, NOW), since=since, restless=restless)


@given(measured())
def test_who_is_not_looked_at_neither_failed_nor_is_overdue(
    found: tuple[ClusterView, Signals],
) -> None:
    view, signals = found
    counted = view.slices()[SHOP].once(count)
    looked_at = counted.attention | counted.overdue(signals, NOW)
    for placed in counted.staying:
        if failure_of(view, placed, signals, NOW) is not None:
            assert placed in looked_at
    assert set(counted.staying) == {p for p, one in view.wanted.items() if not is_leaving(one)}


@given(views())
def test_the_census_says_of_each_instance_what_the_view_says(view: ClusterView) -> None:
    counted = view.slices()[SHOP].once(count)
    assert counted.staying == tuple(sorted(counted.staying))
    assert counted.leaving + len(counted.staying) == len(view.wanted)
    for placed in counted.staying:
        assert (placed in counted.relied_on) == is_relied_on(view, placed)
        assert (placed in counted.unclear) == may_serve(
            view.phases.get(placed), is_current=view.is_current(placed)
        )
        assert (placed in counted.serving) == view.is_active(placed)


@given(measured())
def test_a_slice_that_idles_gets_the_plan_of_a_look_in_full(
    found: tuple[ClusterView, Signals],
) -> None:
    view, signals = found
    quick = list(converge(view, signals, ControlSettings(), NOW))
    full = replace(view)
    full._answers[unsettled] = frozenset(view.targets)
    one = full.slices()[SHOP]
    counted = one.once(count)
    one._answers[count] = replace(counted, attention=frozenset(counted.staying))
    one._answers[idles] = None
    assert quick == list(converge(full, signals, ControlSettings(), NOW))


@given(measured())
def test_while_no_answer_is_overdue_a_slice_that_idles_only_waits(
    found: tuple[ClusterView, Signals],
) -> None:
    view, signals = found
    one = view.slices()[SHOP]
    if one.once(idles) is not None and not one.once(count).overdue(signals, NOW):
        steps = list(converge(view, signals, ControlSettings(), NOW))
        assert all(isinstance(step, Waiting) for step in steps)
