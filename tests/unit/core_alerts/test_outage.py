"""Who tells of an outage: one node, and none that was merely cut off."""

from aether.core.alerts.outage import Outage, Reign, whose
from aether.core.model.ids import NodeId

ME, OTHER = NodeId("node-1"), NodeId("node-2")
OUTAGE = Outage(since_ms=0, lasted_s=30.0, revision=100)


def test_who_saw_it_and_leads_tells() -> None:
    assert whose(OUTAGE, ME, Reign(leader=ME, epoch_at=101, registered_at=5)) == "tell"


def test_who_saw_it_tells_for_a_leader_that_was_started_meanwhile() -> None:
    assert whose(OUTAGE, ME, Reign(leader=OTHER, epoch_at=101, registered_at=102)) == "tell"


def test_a_leader_that_lived_through_it_knows_better() -> None:
    """Nobody led as this node saw it, because it was cut off; the others went on."""
    assert whose(OUTAGE, ME, Reign(leader=OTHER, epoch_at=101, registered_at=5)) == "wait"


def test_a_leader_that_stayed_was_not_lost() -> None:
    assert whose(OUTAGE, ME, Reign(leader=ME, epoch_at=99)) == "wait"
    assert whose(OUTAGE, ME, Reign()) == "wait"


def test_what_somebody_told_is_not_told_again() -> None:
    told = Reign(leader=ME, epoch_at=101, told_at=103)
    assert whose(OUTAGE, ME, told) == "told"
    earlier = Reign(leader=ME, epoch_at=101, told_at=40)
    assert whose(OUTAGE, ME, earlier) == "tell", "that was another one"
