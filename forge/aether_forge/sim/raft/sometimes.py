"""Rare states a campaign must have reached: a simulator that never gets there proves nothing."""

from collections.abc import Mapping

EXPECTED = (
    "leader elected",
    "leader deposed",
    "leader deposed with uncommitted entries",
    "leader removed itself",
    "member added",
    "member promoted",
    "member removed",
    "membership changed under partition",
    "wiped member replaced",
    "leadership transferred",
    "snapshot taken",
    "snapshot installed",
    "snapshot installed under partition",
    "restarted from a snapshot",
    "process killed",
    "process paused",
    "power cut",
    "every member without power",
    "torn write",
    "stopped while voting",
    "stopped while writing the log",
    "stopped while taking a snapshot",
    "sync failed",
    "disk full",
    "bit flipped",
    "member recovering",
    "member recovered",
    "packet behind a newer connection",
    "operations unknown",
    "request id answered from memory",
    "refused: superseded",
)
"""Every one of these must have happened at least once in a campaign that is long enough."""


def missing(counts: Mapping[str, int]) -> list[str]:
    """Return what a campaign should have seen and did not."""
    return [name for name in EXPECTED if not counts.get(name)]
