"""Laws of dividing requests among versions."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from aether.core.control.admission import Admitted
from aether.core.control.division import admit_traffic, drop_traffic, present_versions
from aether.core.control.rehearsal_changes import with_changes
from aether.core.control.replay import reevaluate
from aether.core.model.plan import carry_out
from aether.core.model.records import TrafficRecord
from aether.core.model.traffic import SplitRule, VersionWeight
from aether.core.model.view import ClusterView
from tests.worlds import SHOP, fact, nodes, spec, target, wish, with_blueprint, with_instance

VERSIONS = st.sampled_from(["1.0.0", "2.0.0", "3.0.0", "3.0.0-rc.1"])
WEIGHTS = st.lists(
    st.builds(VersionWeight, version=VERSIONS, weight=st.integers(-1, 10_001)), max_size=5
)
RULES = st.lists(
    st.builds(
        SplitRule,
        version=VERSIONS,
        header=st.sampled_from(["", "x-beta", "X-Beta"]),
        cookie=st.sampled_from(["", "sid"]),
        value=st.sampled_from(["", "yes", " no"]),
        percent=st.sampled_from([0.0, 5.0, 100.0, 101.0, float("nan")]),
    ),
    max_size=3,
)
RECORDS = st.builds(
    lambda weights, rules: TrafficRecord(weights=tuple(weights), rules=tuple(rules)), WEIGHTS, RULES
)


@st.composite
def worlds(draw: st.DrawFn) -> ClusterView:
    """A slice in the midst of an update, or at rest, or about to be updated."""
    wanted, listed = draw(VERSIONS), draw(VERSIONS)
    view = with_blueprint(nodes("n1"), spec(f"{SHOP}:{listed}"), generation=2)
    view = replace(view, targets={SHOP: target(wanted, generation=2)})
    for number, version in enumerate(draw(st.lists(VERSIONS, max_size=4))):
        view = with_instance(view, "n1", f"{SHOP}:{version}/{number}", wish(), fact())
    return view


@given(worlds(), RECORDS)
def test_what_is_admitted_stays_while_versions_do(view: ClusterView, record: TrafficRecord) -> None:
    found = admit_traffic(view, SHOP, record)
    if isinstance(found, Admitted):
        after = with_changes(view, found.then)
        assert after.traffic == {SHOP: record}
        assert list(drop_traffic(after)) == []


@given(worlds(), RECORDS)
def test_every_version_there_is_gets_a_weight_or_none_does(
    view: ClusterView, record: TrafficRecord
) -> None:
    if isinstance(admit_traffic(view, SHOP, record), Admitted) and record.weights:
        assert sorted(each.version for each in record.weights) == list(present_versions(view, SHOP))
        assert any(each.weight for each in record.weights)


@given(worlds(), worlds(), RECORDS)
def test_dropping_ends_and_is_explained(
    before: ClusterView, later: ClusterView, record: TrafficRecord
) -> None:
    """Whatever became of the versions since: one look settles it, and its reason says as much again."""
    if not isinstance(admit_traffic(before, SHOP, record), Admitted):
        return
    view = replace(later, traffic={SHOP: record})
    dropped = list(drop_traffic(view))
    for drop in dropped:
        assert reevaluate(drop.because).startswith("drop: version")
    settled = carry_out(view, dropped)
    assert list(drop_traffic(settled)) == []
    unchanged = present_versions(before, SHOP) == present_versions(later, SHOP)
    assert not (unchanged and dropped)
