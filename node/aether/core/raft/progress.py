"""How far a peer is, as its leader knows, and how much is under way to it."""

from collections import deque
from enum import StrEnum

from aether.core.model.ids import NodeId
from aether.core.raft.values import RaftConfig


class Stage(StrEnum):
    """How entries are sent to a peer."""

    PROBE = "probe"
    """One Append at a time until the logs are known to agree."""
    REPLICATE = "replicate"
    """One Append after another, up to the window."""
    SNAPSHOT = "snapshot"
    """Heartbeats only: it needs entries that are gone."""


class Progress:
    """One peer. `match` is on its disk; `next` is what it is sent next."""

    __slots__ = (
        "heard",
        "in_flight",
        "in_flight_bytes",
        "match",
        "match_round",
        "next",
        "node",
        "round",
        "stage",
        "takes_none",
        "told_commit",
        "told_round",
        "waiting",
        "waits_for",
    )

    def __init__(self, node: NodeId, next_index: int, now: float) -> None:
        self.node = node
        self.stage = Stage.PROBE
        self.match = 0
        self.match_round = 0
        """The leader's round when `match` was learned: later Appends were sent knowing it."""
        self.next = next_index
        self.waiting = False
        """Whether a probe is under way."""
        self.takes_none = False
        """Whether it answers and takes no entries, as with a full disk: it is offered one at a time."""
        self.in_flight: deque[tuple[int, int]] = deque()  # (last index, bytes) of each Append
        self.in_flight_bytes = 0
        self.heard = now
        self.round = 0
        """Highest round it answered."""
        self.told_round = 0
        self.told_commit = 0
        self.waits_for = 0
        """It wants to be told of commits at once up to this one: a caller of its own waits."""

    def has_room(self, config: RaftConfig) -> bool:
        """Whether another Append with entries may be sent."""
        if self.stage is Stage.REPLICATE:
            return (
                len(self.in_flight) < config.max_in_flight
                and self.in_flight_bytes < config.max_in_flight_bytes
            )
        return self.stage is Stage.PROBE and not self.waiting

    def sent(self, last: int, size: int) -> None:
        """Note that an Append with entries up to `last` was sent."""
        if self.stage is Stage.PROBE:
            self.waiting = True
            return
        self.next = last + 1
        self.in_flight.append((last, size))
        self.in_flight_bytes += size

    def matched(self, index: int, round_: int) -> bool:
        """Note that entries up to `index` are on its disk; False when that is nothing new."""
        if index <= self.match:
            return False
        self.match = index
        self.match_round = round_
        self.takes_none = False
        self.next = max(self.next, index + 1)
        while self.in_flight and self.in_flight[0][0] <= index:
            self.in_flight_bytes -= self.in_flight.popleft()[1]
        return True

    def go(self, stage: Stage, next_index: int) -> None:
        """Enter a stage with nothing under way."""
        self.stage = stage
        self.next = next_index
        self.waiting = False
        self.in_flight.clear()
        self.in_flight_bytes = 0

    def forget(self, next_index: int) -> None:
        """Begin anew with a peer that lost what it had acknowledged."""
        self.match = 0
        self.go(Stage.PROBE, next_index)
