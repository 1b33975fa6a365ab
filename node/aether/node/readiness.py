"""Whether this node may be sent work, and if not, why not."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from aether.core.model.ids import NodeId


@dataclass(slots=True)
class Readiness:
    """Reasons against being ready; none means ready. Each is a question asked afresh."""

    leader: Callable[[], NodeId | None]
    router_revision: Callable[[], int | None]
    """Revision of the table the router confirmed; None without a router, -1 before its first."""
    store_answers: Callable[[], bool] = field(default=lambda: True)
    registered: bool = field(default=False)
    removed: Callable[[], str] = field(default=lambda: "")
    """Why the node seems to have been removed from its cluster; empty when it does not."""

    def note_registered(self) -> None:
        """Take note that the node is in the store."""
        self.registered = True

    def __call__(self) -> Sequence[str]:
        """Return a sentence for each reason."""
        reasons: list[str] = []
        if not self.store_answers():
            reasons.append(
                "the store process of this node does not answer or has just started: "
                "logs/store.log says more"
            )
        removed = self.removed()
        if removed:
            reasons.append(removed)
        elif self.leader() is None:
            reasons.append("no leader is known: the store has no quorum or has just started")
        if not self.registered:
            reasons.append("this node has not registered itself in the cluster yet")
        revision = self.router_revision()
        if revision is None or revision < 0:
            reasons.append("the router has not confirmed a routing table yet")
        return reasons
