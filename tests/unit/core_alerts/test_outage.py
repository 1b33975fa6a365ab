"""Who tells of an outage: one node, and none that was merely cut off."""

from dataclasses import replace

from aether.core.alerts.outage import Outage, Reign, whose
from aether.core.model.ids import NodeId

ME, OTHER, THIRD = NodeId("node-1"), NodeId("node-2"), NodeId("node-3")
OUTAGE = Outage(since_ms=0, lasted_s=30.0, revision=100, lives={ME: "life-1", OTHER: "life-1"})
MINE = Reign(leads=ME, leader=ME, epoch_at=101, life="life-1")
THEIRS = Reign(leads=OTHER, leader=OTHER, epoch_at=101, life="life-1")


def test_who_saw_it_and_leads_tells() -> None:
    assert whose(OUTAGE, ME, ME, MINE) == "tell"


def test_who_saw_it_tells_for_a_leader_that_was_started_meanwhile() -> None:
    assert whose(OUTAGE, ME, OTHER, replace(THEIRS, life="life-2")) == "tell"


def test_a_leader_that_lived_through_it_knows_better() -> None:
    """Nobody led as this node saw it, because it was cut off; the others went on."""
    assert whose(OUTAGE, ME, OTHER, THEIRS) == "wait"
    assert whose(OUTAGE, ME, OTHER, replace(THEIRS, life="")) == "wait", "it is not there yet"


def test_a_leader_nobody_knew_has_joined_meanwhile_so_somebody_led() -> None:
    joined = replace(THEIRS, leads=THIRD, leader=THIRD)
    assert whose(OUTAGE, ME, THIRD, joined) == "wait"


def test_a_leader_that_stayed_was_not_lost() -> None:
    assert whose(OUTAGE, ME, ME, replace(MINE, epoch_at=99)) == "wait"
    assert whose(OUTAGE, ME, None, Reign()) == "wait"


def test_a_leader_begins_its_reign_a_while_after_it_leads() -> None:
    """Until then the epoch of the one before stands, which may have been its own."""
    assert whose(OUTAGE, ME, OTHER, replace(THEIRS, epoch_at=99, life="life-2")) == "wait"
    before = replace(THEIRS, leader=THIRD)
    assert whose(OUTAGE, ME, OTHER, before) == "wait"


def test_who_leads_later_leads_for_another_reason() -> None:
    assert whose(OUTAGE, ME, OTHER, MINE) == "past", "it was handed over"
    stayed = Reign(leads=ME, leader=OTHER, epoch_at=99)
    assert whose(OUTAGE, ME, OTHER, stayed) == "past", "it led all the time, and was handed over"
    assert whose(OUTAGE, ME, OTHER, replace(stayed, leads=None)) == "past", "it is restarted now"


def test_who_led_and_never_began_to_reign_is_not_counted() -> None:
    unbegun = Reign(leads=ME, leader=THIRD, epoch_at=99)
    assert whose(OUTAGE, ME, OTHER, unbegun) == "anew"
    assert whose(OUTAGE, ME, OTHER, replace(unbegun, leads=None)) == "anew"


def test_what_somebody_told_is_not_told_again() -> None:
    assert whose(OUTAGE, ME, ME, replace(MINE, told_at=103)) == "told"
    earlier = replace(MINE, told_at=40)
    assert whose(OUTAGE, ME, ME, earlier) == "tell", "that was another one"
