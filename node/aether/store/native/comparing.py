"""Tells the others this member's checkpoints, and finds out whether its state is the one that is wrong."""

from collections.abc import Callable

from aether.core.model.ids import NodeId
from aether.store.native.applying import Applying
from aether.store.native.checkpoints import Checkpoints
from aether.store.native.packets import Checkpoint, Packet


class Comparing:
    """The checkpoints of one member beside those it hears of."""

    def __init__(
        self,
        node: NodeId,
        checkpoints: Checkpoints,
        send: Callable[[NodeId, Packet], None],
        quarantine: Callable[[str], None],
    ) -> None:
        """`quarantine` is told why this member must not be trusted any more."""
        self._node = node
        self._checkpoints = checkpoints
        self._send = send
        self._quarantine = quarantine

    def tell(self, applying: Applying, index: int, digest: bytes) -> None:
        """Send this member's own checkpoint to every other member."""
        known = applying.raft.members
        checkpoint = Checkpoint(index, digest)
        for peer in (*known.voters, *known.learners):
            if peer.node != self._node:
                self._send(peer.node, checkpoint)
        self._compare(applying, index)

    def take(self, applying: Applying, sender: NodeId, checkpoint: Checkpoint) -> None:
        """Take another member's checkpoint."""
        self._checkpoints.note(sender, checkpoint.index, checkpoint.digest)
        self._compare(applying, checkpoint.index)

    def _compare(self, applying: Applying, index: int) -> None:
        voters = {peer.node for peer in applying.members.voters}
        if self._checkpoints.differs_at(index, voters):
            self._quarantine(f"its state after entry {index} differs from that of a majority")
