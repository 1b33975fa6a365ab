"""Puts on disk what Raft gives out, and holds back promises until they are true.

A vote or an acknowledgement is a promise: it may leave this member only when what it rests on has
been synced. Whatever cannot be written for lack of space is kept and tried again; until the hard
state is on disk nothing at all may be sent, which Raft sees as a lossy network.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from aether.core.model.ids import NodeId
from aether.core.raft.entries import Entry, HardState
from aether.core.raft.messages import AppendAnswer, Message
from aether.core.raft.values import Output
from aether.store.disk.entry_log import EntryLog
from aether.store.disk.sync_job import SyncJob
from aether.store.disk.vote_file import VoteFile

MOST_HELD = 1024
"""Acknowledgements held back at once; the oldest are dropped, as a network would."""

Promises = Sequence[tuple[NodeId, Message]]


@dataclass(slots=True)
class Durability:
    """The log and the vote of one member, and how far they are on disk."""

    log: EntryLog
    votes: VoteFile
    durable: int
    """Entries up to here are synced."""
    _unsaved: HardState | None = None
    _unwritten: list[Entry] = field(default_factory=list)
    _held: list[tuple[NodeId, AppendAnswer]] = field(default_factory=list)
    _syncing: SyncJob | None = None
    _sync_counts_to: int = 0
    """How much of what is being synced was not replaced meanwhile."""

    @property
    def silenced(self) -> bool:
        """Whether the hard state is not on disk, so that nothing may be sent."""
        return self._unsaved is not None

    @property
    def stuck(self) -> bool:
        """Whether something could not be written for lack of space."""
        return self._unsaved is not None or bool(self._unwritten)

    def keep(self, output: Output) -> None:
        """Take over what has to be on disk; `write` then writes it."""
        if output.hard_state is not None:
            self._unsaved = output.hard_state
        if not output.entries:
            return
        first = output.entries[0].index
        self.durable = min(self.durable, first - 1)
        self._sync_counts_to = min(self._sync_counts_to, first - 1)
        if self._unwritten:
            kept = [each for each in self._unwritten if each.index < first]
            self._unwritten = [*kept, *output.entries]
        else:
            self._unwritten.extend(output.entries)

    def write(self) -> None:
        """Write what was taken over. Raises NoSpace (try again later) and DiskFailed."""
        if self._unsaved is not None:
            self.votes.save(self._unsaved)
            self._unsaved = None
        if self._unwritten:
            self.log.append(self._unwritten)
            self._unwritten = []

    def sendable(self, promises: Promises) -> Promises:
        """Return the promises that are true already; the others are held back."""
        if not promises:
            return promises
        ready: list[tuple[NodeId, Message]] = []
        for node, message in promises:
            if (
                isinstance(message, AppendAnswer)
                and message.accepted
                and message.index > self.durable
            ):
                self._held.append((node, message))
            else:
                ready.append((node, message))
        del self._held[:-MOST_HELD]
        return ready

    def sync_job(self) -> SyncJob | None:
        """Return what makes the log durable; None while one is out or nothing waits."""
        if self._syncing is not None:
            return None
        self._syncing = self.log.begin_sync()
        if self._syncing is not None:
            self._sync_counts_to = self._syncing.index
        return self._syncing

    def synced(self, job: SyncJob, term: int) -> tuple[Promises, bool]:
        """Note that the sync that was out is done.

        Return what may be promised in `term` now, and whether all that the job covers still stands.
        """
        self._syncing = None
        whole = self._sync_counts_to == job.index
        self.durable = max(self.durable, self._sync_counts_to)
        ready = [
            (node, answer)
            for node, answer in self._held
            # One of an earlier term may speak of entries that were replaced since.
            if answer.index <= self.durable and answer.term == term
        ]
        self._held = [each for each in self._held if each[1].index > self.durable]
        return ready, whole

    def restarted_after(self, index: int) -> None:
        """Note that the log now begins after a snapshot at `index`."""
        self._unwritten = []
        self._held = []
        self._sync_counts_to = 0
        self.durable = index
