"""Applies what is committed to the state machine, a few milliseconds a turn, and tells who waits."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import msgspec

from aether.core.raft.entries import COMMAND, MEMBERS, Entry, Members, SnapshotPoint
from aether.core.raft.raft import Raft
from aether.errors import Bug
from aether.ports import StateMachine
from aether.store.native.checkpoints import Checkpoints
from aether.store.native.proposals import Proposals

_FETCH_BYTES = 128 * 1024
"""Entries taken from the log at once: reading them takes about as long as the turn's budget."""

_members: msgspec.msgpack.Decoder[Members] = msgspec.msgpack.Decoder(Members)


@dataclass(slots=True)
class Applying:
    """The state machine of one member and how far it is."""

    machine: StateMachine
    raft: Raft
    proposals: Proposals
    checkpoints: Checkpoints
    on_checkpoint: Callable[[int, bytes], None]
    """Told the index and this member's digest after it."""
    budget_s: float
    stopwatch: Callable[[], float]
    applied: int
    term: int
    """Of the entry applied last; its cluster time and the members as of it follow."""
    time_ms: int
    members: Members
    _fetched: Iterator[Entry] = field(default_factory=lambda: iter(()))
    """Committed entries behind `applied`, read but not applied yet: a turn ends in their middle."""

    def point(self) -> SnapshotPoint:
        """Return where in the log a snapshot of what is applied now stands."""
        return SnapshotPoint(self.applied, self.term, self.time_ms, self.members)

    def replaced(self, point: SnapshotPoint) -> None:
        """Note that the machine was restored from a snapshot."""
        self.applied, self.term = point.index, point.term
        self.time_ms, self.members = point.time_ms, point.members
        self._fetched = iter(())
        self.proposals.skipped_to(point.index)
        self.checkpoints.forget()

    def run(self) -> bool:
        """Apply committed entries until the budget is spent; return whether any are left."""
        commit = self.raft.commit
        stopwatch, apply = self.stopwatch, self._apply
        ends_at = stopwatch() + self.budget_s
        while self.applied < commit:
            for entry in self._fetched:
                apply(entry)
                if stopwatch() >= ends_at:
                    return self.applied < commit
            if self.applied < commit:
                self._fetch(commit)
        return False

    def _fetch(self, commit: int) -> None:
        entries = self.raft.entries(self.applied + 1, commit, _FETCH_BYTES)
        if not entries:
            raise Bug(f"entry {self.applied + 1} is committed and not in the log")
        self._fetched = iter(entries)

    def _apply(self, entry: Entry) -> None:
        if entry.kind == COMMAND:
            data = self.machine.apply(entry.data, entry.time_ms)
        else:
            data = b""
            if entry.kind == MEMBERS:
                self.members = _members.decode(entry.data)
        index = self.applied = entry.index
        self.term, self.time_ms = entry.term, entry.time_ms
        if index in self.proposals.standing:
            self.proposals.applied(index, entry.term, data)
        if index % self.checkpoints.every == 0:
            digest = self.machine.digest()
            self.checkpoints.own(index, digest)
            self.on_checkpoint(index, digest)
