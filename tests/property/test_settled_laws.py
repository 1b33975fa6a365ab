"""Laws of slices at rest: leaving them out of convergence changes no plan."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from aether.core.control.census import count, idles
from aether.core.control.convergence import converge
from aether.core.control.settled import is_settled, unsettled
from aether.core.control.signals import ControlSettings
from aether.core.model.ids import InstanceId, NodeId
from aether.core.model.lifecycle import Desired, Phase
from aether.core.model.records import Failure, PhaseRecord, Placement, WantedRecord
from aether.core.model.view import ClusterView
from tests.worlds import SHOP, STOCK, all_heard, fact, nodes, spec, target, wish, with_blueprint

NODES = ("n1", "n2", "n3")
PLACES = tuple(
    (NodeId(node), InstanceId(f"{base}:1.0.0/{number}"))
    for base in (SHOP, STOCK)
    for number in range(3)
    for node in NODES
)

records = st.builds(
    lambda desired, generation, attempt, tried, replaces: replace(
        wish(desired, generation, attempt), tried=tried, replaces=replaces
    ),
    st.sampled_from([Desired.ACTIVATE] * 6 + list(Desired)),
    st.sampled_from((2, 2, 2, 3)),
    st.sampled_from((0, 0, 0, 2)),
    st.sampled_from(((), (), (), (NodeId("n2"),))),
    st.sampled_from(["", "", ""] + [f"{node}/{instance}" for node, instance in PLACES[:6]]),
)
facts = st.one_of(
    st.just(fact()),
    st.just(fact()),
    st.builds(
        fact,
        st.sampled_from(Phase),
        st.integers(1, 3),
        st.sampled_from(("life-0", "life-1")),
        st.sampled_from((None, Failure(kind="fatal", message="no"))),
    ),
)


@st.composite
def views(draw: st.DrawFn) -> ClusterView:
    counts = {SHOP: draw(st.integers(0, 4)), STOCK: draw(st.integers(0, 4))}
    view = with_blueprint(
        nodes(*NODES), spec(f"{SHOP}:1.0.0", counts[SHOP], [STOCK]), spec(f"{STOCK}:1.0.0")
    )
    require = draw(st.sampled_from(({}, {}, {"disk": "fast"})))
    targets = {
        base: replace(target(instances=count), placement=Placement(require=require))
        for base, count in counts.items()
    }
    wanted: dict[tuple[NodeId, InstanceId], WantedRecord]
    wanted = draw(st.dictionaries(st.sampled_from(PLACES), records, max_size=8))
    phases: dict[tuple[NodeId, InstanceId], PhaseRecord] = {
        placed: draw(facts) for placed in sorted(wanted) if draw(st.integers(0, 7))
    }
    return replace(view, targets=targets, wanted=wanted, phases=phases)


def looked_at_in_full(view: ClusterView) -> ClusterView:
    """The same view, in which no slice is passed over, and no instance of any."""
    full = replace(view)
    full._answers[unsettled] = frozenset(view.targets)
    for one in full.slices().values():
        if one.target is not None:
            counted = count(one)
            one._answers[count] = replace(counted, attention=frozenset(counted.staying))
            one._answers[idles] = None
    return full


@given(views())
def test_convergence_has_nothing_to_do_or_to_say_about_a_slice_at_rest(view: ClusterView) -> None:
    signals, settings = all_heard(view, 1000.0), ControlSettings()
    only_looked_at = list(converge(view, signals, settings, 1000.0))
    assert only_looked_at == list(converge(looked_at_in_full(view), signals, settings, 1000.0))
    assert frozenset(view.targets) >= unsettled(view)


@given(views())
def test_a_slice_at_rest_has_just_as_many_as_wanted_and_all_serve(view: ClusterView) -> None:
    for base in sorted(frozenset(view.targets) - unsettled(view)):
        serving = view.active_by_slice().get(base, ())
        assert serving == view.wanted_by_slice().get(base, ())
        assert len(serving) == view.targets[base].instances


@given(views())
def test_rest_does_not_depend_on_the_order_of_the_store(view: ClusterView) -> None:
    turned = replace(view, wanted=dict(sorted(view.wanted.items(), reverse=True)))
    assert unsettled(turned) == unsettled(view)
    assert turned.slices() == view.slices()
    for base, one in view.slices().items():
        assert is_settled(turned.slices()[base]) == is_settled(one)
