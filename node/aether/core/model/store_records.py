"""Values of the replicated store about what befell the store itself; the rules of `records` hold here too."""

from dataclasses import dataclass

from aether.core.model.ids import NodeId


@dataclass(frozen=True, slots=True, kw_only=True)
class OutageRecord:
    """`outage`: the last time nobody led for long, so that nothing could be written.

    Written when it was over, by the node that leads then or by one that has seen it all.
    """

    since_ms: int
    """When nobody led any more, in milliseconds since 1970 by the clock of the node that tells."""
    lasted_s: float
    seen_by: NodeId
    leader: NodeId
    """Who led when it was over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupRecord:
    """`backup`: the last backup somebody asked for. Written by the node that was asked."""

    node: NodeId
    by: str
    """Actor that asked: `api:anonymous`."""
    ended_ms: int
    """When it was handed out whole, or broke off, in milliseconds since 1970."""
    size: int
    """Bytes handed out."""
    problem: str = ""
    """Why it is not whole; empty for one that is."""
