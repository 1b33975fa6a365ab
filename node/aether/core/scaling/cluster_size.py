"""Whether the cluster needs a node more or could do with one less.

More, when instances have had no room for a while; one at a time, each given the time to arrive. Less, when
for long all load would have fitted on one node fewer with room to spare.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import msgspec

Wish: TypeAlias = Literal["more", "less", "same"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowding:
    """How full the nodes are."""

    at: float
    """Seconds on a clock that never goes back."""
    nodes: int
    """Nodes on duty that take instances."""
    wanted_nodes: int
    """Nodes wanted now."""
    least: int
    """Fewest nodes the operator allows."""
    most: int
    """Most nodes the operator allows."""
    unplaced: int
    """Instances wanted that no node has room for, those that bounds by room kept from being wanted included."""
    used: float
    """Share of all places for instances that is taken, 0..1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeSettings:
    """How patient the size of the cluster is."""

    crowded_s: float = 10.0
    """Seconds instances must have been without room before a node is asked for."""
    arrival_s: float = 300.0
    """Seconds a node that was asked for may take before another is."""
    idle_s: float = 1800.0
    """Seconds the load must have fitted on one node less before one is given up."""
    spare: float = 0.25
    """Share of places that must stay free on the nodes that remain."""


class SizeState(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Since when it has been crowded or idle, and when the size was last changed; None: not now, or never."""

    crowded_since: float | None = None
    idle_since: float | None = None
    changed_at: float | None = None


@dataclass(frozen=True, slots=True)
class SizeDecision:
    """Nodes wanted, and why."""

    wanted: int
    wish: Wish
    text: str


def sized(
    state: SizeState, seen: Crowding, settings: SizeSettings
) -> tuple[SizeState, SizeDecision]:
    """Return what is remembered, and how many nodes are wanted after this look."""
    since_crowded = _since(state.crowded_since, seen.at, now=seen.unplaced > 0)
    since_idle = _since(state.idle_since, seen.at, now=_fits_on_fewer(seen, settings))
    decision = _decided(state.changed_at, since_crowded, since_idle, seen, settings)
    changed = decision.wish != "same"
    return SizeState(
        crowded_since=since_crowded,
        idle_since=None if changed else since_idle,
        changed_at=seen.at if changed else state.changed_at,
    ), decision


def _since(before: float | None, at: float, *, now: bool) -> float | None:
    if not now:
        return None
    return at if before is None else before


def _fits_on_fewer(seen: Crowding, settings: SizeSettings) -> bool:
    """Say whether one node less would hold everything and keep places free."""
    if seen.unplaced or seen.nodes < 2:
        return False
    return seen.used * seen.nodes <= (seen.nodes - 1) * (1.0 - settings.spare)


def _decided(
    changed_at: float | None,
    crowded: float | None,
    idle: float | None,
    seen: Crowding,
    settings: SizeSettings,
) -> SizeDecision:
    wanted = seen.wanted_nodes
    if crowded is not None:
        return _crowded(changed_at, crowded, seen, settings)
    if idle is None or seen.at - idle < settings.idle_s:
        return SizeDecision(wanted, "same", f"{seen.used:.0%} of the places are taken")
    if wanted <= seen.least:
        return SizeDecision(wanted, "same", f"idle, but at least {seen.least} nodes are wanted")
    return SizeDecision(
        wanted - 1,
        "less",
        f"{seen.used:.0%} of the places of {seen.nodes} nodes were taken, one node less has held"
        f" them with {settings.spare:.0%} to spare for {seen.at - idle:.0f} s",
    )


def _crowded(
    changed_at: float | None, since: float, seen: Crowding, settings: SizeSettings
) -> SizeDecision:
    wanted = seen.wanted_nodes
    told = f"{seen.unplaced} instances have had no room for {seen.at - since:.0f} s"
    if seen.at - since < settings.crowded_s:
        return SizeDecision(wanted, "same", told)
    if wanted >= seen.most:
        return SizeDecision(wanted, "same", f"{told}, but at most {seen.most} nodes are allowed")
    arriving = wanted > seen.nodes
    if arriving and changed_at is not None and seen.at - changed_at < settings.arrival_s:
        return SizeDecision(wanted, "same", f"{told}; a node was asked for already")
    return SizeDecision(wanted + 1, "more", told)
