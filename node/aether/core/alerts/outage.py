"""Who tells that a quorum was lost, once there is one again: it cannot be written down while it lasts.

A node that saw nobody lead may have been cut off alone while others went on. So it tells only what the node
that leads cannot know better: when it leads itself, or when the leader began its life meanwhile. A
change of leader without a new epoch was none, and what somebody has told is not told again.

What happens once somebody leads again is no part of it. So only the first leader that was found after the outage
counts: when another leads, or that one was seen to stop leading, the outage is past. One that never began to reign
was none, and the next is taken for the first.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, TypeAlias

from aether.core.model.ids import NodeId

LEAST_S = 5.0
"""So long nobody must have led; a change of leader takes a second or two."""

Step: TypeAlias = Literal["tell", "wait", "anew", "told", "past"]
"""Tell it; look again; look again, with whoever leads now for the first; told by somebody; nobody's to tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """A time in which this node, which had seen a leader before, saw none."""

    since_ms: int
    """Milliseconds since 1970 by the clock of this node."""
    lasted_s: float
    revision: int
    """Of the store, as this node had it when it began."""
    lives: Mapping[NodeId, str] = field(default_factory=lambda: MappingProxyType({}))
    """Incarnations of the nodes, as this node knew them when it began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reign:
    """What the store says of who leads now; revisions are 0 for keys that are not there."""

    leads: NodeId | None = None
    """Who leads the store, as this node sees it."""
    leader: NodeId | None = None
    """Whose epoch stands."""
    epoch_at: int = 0
    """Revision at which it began."""
    life: str = ""
    """Incarnation its leader has registered; empty when it is not there."""
    told_at: int = 0
    """Revision at which an outage was told last."""


def whose(outage: Outage, me: NodeId, found: NodeId | None, reign: Reign) -> Step:
    """Return whether this node is to tell of an outage; `found` led when it first saw somebody lead again."""
    if reign.told_at > outage.revision:
        return "told"
    has_begun = reign.epoch_at > outage.revision
    if reign.leads != found:
        return "past" if has_begun or reign.leader == found else "anew"
    if not has_begun or reign.leader != found or found is None:
        return "wait"  # the same leader, or one whose reign has not begun yet
    if found == me:
        return "tell"
    knows_nothing = reign.life not in {"", outage.lives.get(found, reign.life)}
    return "tell" if knows_nothing else "wait"
