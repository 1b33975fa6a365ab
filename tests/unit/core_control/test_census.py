"""The census tells who needs a look, and which slices can only wait for their nodes."""

from dataclasses import replace

import pytest

from aether.core.control.census import count, idles
from aether.core.control.convergence import converge
from aether.core.control.signals import ControlSettings, Restless
from aether.core.control.waiting import Waiting
from aether.core.model.ids import NodeId
from aether.core.model.lifecycle import Desired, Phase
from aether.core.model.records import PhaseRecord, WantedRecord
from aether.core.model.view import ClusterView
from tests.worlds import (
    SHOP,
    all_heard,
    fact,
    nodes,
    placed,
    spec,
    target,
    wish,
    with_blueprint,
    with_instance,
)

OLD, NEW = f"{SHOP}:1.0.0/0", f"{SHOP}:1.1.0/0"
LOADING = wish(Desired.LOAD, generation=1)
NOW = 1000.0


def updating(wanted: WantedRecord = LOADING, phase: PhaseRecord | None = None) -> ClusterView:
    """One of two instances of the old version serves, a new one is being loaded."""
    view = with_blueprint(nodes("n1", "n2"), spec(f"{SHOP}:1.1.0", 2))
    view = with_instance(view, "n1", OLD, wish(), fact())
    view = with_instance(view, "n2", f"{SHOP}:1.0.0/1", wish(), fact())
    view = with_instance(view, "n2", NEW, wanted, phase)
    return replace(view, targets={SHOP: target("1.1.0", instances=2)})


def test_a_slice_whose_surge_is_used_up_waits_and_says_so() -> None:
    view = updating()
    one = view.slices()[SHOP]
    said = one.once(idles)
    assert said == (
        Waiting(
            f"{SHOP} gets 1 more of 2 instances when others are gone: "
            "at most 1 beyond the target at a time"
        ),
    )
    assert tuple(converge(view, all_heard(view, NOW), ControlSettings(), NOW)) == said
    assert one.once(count).limits == ((placed("n2", NEW), 360.0),)


def test_one_that_owes_an_answer_for_too_long_is_looked_at() -> None:
    view = updating()
    counted = view.slices()[SHOP].once(count)
    signals = all_heard(view, NOW)
    assert counted.overdue(signals, NOW) == frozenset()
    late = replace(signals, since={placed("n2", NEW): NOW - 361.0})
    assert counted.overdue(late, NOW) == {placed("n2", NEW)}
    shaken = replace(signals, restless={placed("n2", NEW): Restless(1, NOW)})
    assert counted.overdue(shaken, NOW) == {placed("n2", NEW)}


@pytest.mark.parametrize(
    ("wanted", "phase"),
    [
        (LOADING, fact(Phase.LOADED, observed=1)),
        (LOADING, fact(Phase.FAILED, observed=1)),
        (wish(attempt=1), fact()),
        (replace(wish(), tried=(NodeId("n1"),)), fact()),
        (wish(), fact()),
    ],
)
def test_what_may_have_a_next_step_does_not_idle(wanted: WantedRecord, phase: PhaseRecord) -> None:
    assert updating(wanted, phase).slices()[SHOP].once(idles) is None


def test_nothing_is_counted_without_a_target() -> None:
    view = replace(updating(), targets={})
    with pytest.raises(ValueError, match="has no target"):
        count(view.slices()[SHOP])
