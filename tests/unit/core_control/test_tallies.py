"""The instances of a slice by what they are doing."""

from dataclasses import replace

from aether.core.control.tallies import Tally, tallies
from aether.core.model.ids import NodeId
from aether.core.model.lifecycle import Desired, Phase
from aether.core.model.records import Verdict, VerdictRecord
from aether.core.model.view import ClusterView
from tests.worlds import (
    SHOP,
    STOCK,
    fact,
    nodes,
    placed,
    spec,
    target,
    wish,
    with_blueprint,
    with_instance,
)

FIRST = placed("n1", f"{SHOP}:1.0.0/0")
MOVER = placed("n2", f"{SHOP}:1.0.0/1")
DEAD = placed("n2", f"{SHOP}:1.0.0/2")
OLD = placed("n3", f"{SHOP}:0.9.0/0")


def view() -> ClusterView:
    """One that serves, its mover, one failed, one of an old version on a doubted node, one leaving."""
    here = with_blueprint(nodes("n1", "n2", "n3"), spec(f"{SHOP}:1.0.0", 3))
    suspect = VerdictRecord(verdict=Verdict.SUSPECT, incarnation="life-1")
    here = replace(
        here,
        targets={SHOP: target(instances=3), STOCK: target()},
        verdicts={**here.verdicts, NodeId("n3"): suspect},
    )
    here = with_instance(here, *FIRST, replace(wish(), tried=(NodeId("n9"),)), fact())
    mover = replace(wish(Desired.LOAD, 1), replaces=f"{FIRST[0]}/{FIRST[1]}")
    here = with_instance(here, *MOVER, mover, fact(Phase.LOADED, 1))
    here = with_instance(here, *DEAD, wish(), fact(Phase.FAILED))
    here = with_instance(here, *OLD, wish(), fact())
    return with_instance(here, "n1", f"{SHOP}:1.0.0/7", wish(Desired.UNLOAD), fact())


def shop(of: ClusterView) -> Tally:
    return tallies(of, {SHOP})[SHOP]


def test_it_counts_who_stays_who_moves_and_who_serves() -> None:
    tally = shop(view())
    assert tally.staying == {FIRST, MOVER, DEAD, OLD}
    assert (tally.moving, tally.active, tally.failed) == (1, 1, 1)
    assert tally.tried == ("n9",)
    assert tally.is_being_replaced(FIRST)
    assert tally.is_spare(MOVER)
    assert not tally.is_spare(FIRST)
    assert [p for p in sorted(tally.staying) if tally.is_outdated(p)] == [OLD]


def test_it_is_kept_current_while_moves_are_planned() -> None:
    tally = shop(view())
    tally.begin_leave(MOVER)
    assert (tally.moving, tally.is_being_replaced(FIRST)) == (0, False)
    tally.begin_move(FIRST, placed("n2", f"{SHOP}:1.0.0/8"))
    assert (tally.moving, len(tally.staying)) == (1, 4)
    tally.begin_leave(DEAD)
    tally.begin_leave(FIRST)
    assert (tally.moving, tally.active, tally.failed) == (0, 0, 0)


def test_slices_that_go_or_change_have_none() -> None:
    assert set(tallies(view(), {SHOP, STOCK})) == {SHOP}
    changed = with_blueprint(view(), spec(f"{SHOP}:1.0.0", 5), generation=2)
    assert tallies(changed, {SHOP}) == {}
