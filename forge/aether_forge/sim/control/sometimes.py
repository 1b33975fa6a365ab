"""Rare states a campaign of whole clusters must have reached."""

from collections.abc import Mapping

EXPECTED = (
    "epoch begun",
    "leader lost",
    "leadership moved",
    "leader struck at a write",
    "power cut",
    "node process killed",
    "node frozen",
    "cut off",
    "store slow",
    "answers lost",
    "reports lost",
    "host crashed",
    "hosts fail",
    "hosts hang",
    "node drained",
    "a machine came up",
    "no machine was free",
    "more instances than the target for a while",
    "budget used up",
    "request tried elsewhere",
    "request failed",
    "act rejected",
    "operator: apply",
    "operator: apply at once",
    "operator: apply poison",
    "operator: scale",
    "operator: delete",
    "operator: drain",
    "operator: drain by force",
    "operator: activate",
    "drain took an ACTIVE instance away",
    "update took an ACTIVE instance away",
    "a node LOST",
    "a node SUSPECT",
    "a node DRAINING",
    "a node DECOMMISSIONED",
    "an instance parked",
    "an instance FAILED",
)
"""Every one of these must have happened at least once in a campaign that is long enough."""


def missing(counts: Mapping[str, int]) -> list[str]:
    """Return what a campaign should have seen and did not."""
    return [name for name in EXPECTED if not counts.get(name)]
