"""Who tells that a quorum was lost, once there is one again: it cannot be written down while it lasts.

A node that saw nobody lead may have been cut off alone while others went on. So it tells only what the node
that leads cannot know better: when it leads itself, or when the leader began its life meanwhile. A
change of leader without a new epoch was none, and what somebody has told is not told again.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from aether.core.model.ids import NodeId

LEAST_S = 5.0
"""So long nobody must have led; a change of leader takes a second or two."""

Step: TypeAlias = Literal["tell", "wait", "told"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """A time in which this node, which had seen a leader before, saw none."""

    since_ms: int
    """Milliseconds since 1970 by the clock of this node."""
    lasted_s: float
    revision: int
    """Of the store, as this node had it when it began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reign:
    """What the store says of who leads now; revisions are 0 for keys that are not there."""

    leader: NodeId | None = None
    """Whose epoch stands."""
    epoch_at: int = 0
    """Revision at which it began."""
    registered_at: int = 0
    """Revision at which its leader wrote itself down last."""
    told_at: int = 0
    """Revision at which an outage was told last."""


def whose(outage: Outage, me: NodeId, reign: Reign) -> Step:
    """Return whether this node is to tell of an outage now, later perhaps, or need not any more."""
    if reign.told_at > outage.revision:
        return "told"
    if reign.epoch_at <= outage.revision:
        return "wait"  # the same leader, or one whose reign has not begun yet
    knows_nothing = reign.registered_at > outage.revision
    return "tell" if reign.leader == me or knows_nothing else "wait"
