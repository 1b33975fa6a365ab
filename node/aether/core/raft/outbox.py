"""What waits to be given out, in order."""

from aether.core.model.ids import NodeId
from aether.core.raft.messages import Message
from aether.core.raft.values import Read


class Outbox:
    """Results of what was put in since the last Output."""

    __slots__ = ("messages", "promises", "reads", "snapshots")

    def __init__(self) -> None:
        self.messages: list[tuple[NodeId, Message]] = []
        """May leave at once."""
        self.promises: list[tuple[NodeId, Message]] = []
        """Leave once what they rest on is on disk."""
        self.reads: list[Read] = []
        self.snapshots: list[NodeId] = []

    def clear(self) -> None:
        """Begin anew; what was given out is the caller's."""
        self.messages = []
        self.promises = []
        self.reads = []
        self.snapshots = []
