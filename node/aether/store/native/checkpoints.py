"""Whether this member's state equals that of the others: digests at the same indexes, compared.

Members that applied equal logs have equal digests. One that differs from a majority of voters is
wrong itself; where no majority agrees nothing can be told.
"""

from collections import Counter
from collections.abc import Collection

from aether.core.model.ids import NodeId

KEPT = 16
"""Checkpoints remembered, on either side of this member's newest."""


class Checkpoints:
    """Digests of every member at each `every` applied entries."""

    def __init__(self, node: NodeId, every: int) -> None:
        self._node = node
        self.every = every
        self._newest = 0
        self._at: dict[int, dict[NodeId, bytes]] = {}

    def note(self, node: NodeId, index: int, digest: bytes) -> None:
        """Take a member's digest; what is too old or too far ahead is dropped."""
        reach = KEPT * self.every
        if index % self.every or not self._newest - reach < index <= self._newest + reach:
            return
        self._at.setdefault(index, {})[node] = digest

    def own(self, index: int, digest: bytes) -> None:
        """Take this member's digest after it applied `index`."""
        self._newest = index
        self.note(self._node, index, digest)
        for old in [each for each in self._at if each <= index - KEPT * self.every]:
            del self._at[old]

    def forget(self) -> None:
        """Drop this member's digests: its state was replaced."""
        for digests in self._at.values():
            digests.pop(self._node, None)

    def differs_at(self, index: int, voters: Collection[NodeId]) -> bool:
        """Whether a majority of `voters` agrees on another digest at `index` than ours."""
        digests = self._at.get(index, {})
        own = digests.get(self._node)
        if own is None:
            return False
        votes = Counter(digest for node, digest in digests.items() if node in voters)
        return any(count * 2 > len(voters) and digest != own for digest, count in votes.items())
