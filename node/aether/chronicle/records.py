"""What the chronicle holds and is asked: recorded transactions, gaps, and how far it reaches."""

from dataclasses import dataclass

from aether.core.model.reason import Reason
from aether.core.store.commands import Change
from aether.errors import NotFound


class NotRecorded(NotFound):
    """The chronicle of this node does not reach there, or has a gap there."""

    code = "not_recorded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much is kept; beyond any of these the oldest goes."""

    max_changes: int = 500_000
    max_bytes: int = 256 * 1024 * 1024
    """Of the pages in use; the file itself is longer by what was freed and not used again."""
    max_age_s: float = 30 * 24 * 3600.0

    SEGMENTS = 16
    """What is kept is cut into about so many segments, each with a base; a whole one goes at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One transaction: its reason, and every key of Aether's own that it changed."""

    revision: int
    time_ms: int
    """When, in milliseconds since 1970: the reason's time, never before the transaction before."""
    reason: Reason
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Changes after revision `after` and before `until` were not seen; `until` begins anew."""

    after: int
    until: int
    from_ms: int
    """When everything was last seen."""
    time_ms: int
    """When the gap was noticed and the chronicle went on."""
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How far the chronicle tells."""

    first: int
    """Earliest revision whose state can be told."""
    since_ms: int
    """When that was."""
    last: int
    """Latest transaction recorded; the base's revision when there is none."""
    seen: int
    """Revision up to which all was seen."""
    changes: int
    bytes: int
    gaps: tuple[Gap, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Which transactions are wanted."""

    subjects: tuple[str, ...] = ()
    """Those about any of these; empty: all."""
    prefix: str = ""
    """Those that changed a key beginning so."""
    after: int = 0
    """Later than this revision."""
    until: int = 2**62
    """Not later than this revision."""
    limit: int = 100
    oldest_first: bool = False
    """The first ones after `after`, in order; otherwise the last ones up to `until`, newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Answer to a query: transactions as ordered there, gaps newest first."""

    recorded: tuple[Recorded, ...]
    gaps: tuple[Gap, ...]
    more: bool
    """Whether the limit cut the answer off."""
