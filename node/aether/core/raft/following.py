"""A follower takes its leader's log.

Rules: entries that match are never removed, nor is anything committed; the commit index is taken
only up to what this Append proves to agree; an acknowledgement names only what is on disk or, as
a promise, what will be when it leaves.
"""

from collections.abc import Sequence

from aether.core.model.ids import NodeId
from aether.core.raft.entries import MEMBERS, Entry
from aether.core.raft.local import Local
from aether.core.raft.membership import decode_members
from aether.core.raft.messages import Append, AppendAnswer


def is_sound(append: Append) -> bool:
    """Whether entries stand one behind the other, their terms ascend and their members are legible."""
    if min(append.round, append.prev_index, append.prev_term, append.commit) < 0:
        return False
    index, term = append.prev_index, append.prev_term
    for entry in append.entries:
        index += 1
        if entry.index != index or not term <= entry.term <= append.term:
            return False
        term = entry.term
        if entry.kind == MEMBERS and decode_members(entry.data) is None:
            return False
    return term <= append.term


class Following:
    """The log of a member that does not lead."""

    __slots__ = ("_answered_index", "_answered_round", "_answered_term", "_cured_at", "_local")

    def __init__(self, local: Local) -> None:
        self._local = local
        self._answered_term = -1
        self._answered_round = -1
        self._answered_index = -1
        self._cured_at = 0

    def on_append(self, sender: NodeId, append: Append) -> None:
        """Take an Append of the present term."""
        log = self._local.log
        if self._answered_term != append.term:
            self._answered_term = append.term
            self._answered_round = self._answered_index = -1
        prev, entries = append.prev_index, append.entries
        if prev >= log.commit:
            if log.term_at(prev) != append.prev_term:
                self._refuse(sender, append)
                return
        else:  # what is committed agrees by itself, and may be compacted already
            entries = entries[log.commit - prev :]
        if entries and not self._local.writable:
            return
        if entries and not self._take(entries):
            return
        agreed = prev + len(append.entries)
        log.commit_to(min(append.commit, agreed))
        self._accept(sender, append, agreed)
        self._note_cure(append, agreed)

    def _take(self, entries: Sequence[Entry]) -> bool:
        """Append what is new; entries that conflict, and only they, make way."""
        local = self._local
        new = entries[self._known(entries) :]
        if new and new[0].index <= local.log.last_index:
            if not local.log.may_truncate():
                return False
            local.log.truncate(new[0].index)
            local.membership.truncate(new[0].index)
        if new:
            local.log.append(new)
            self._note_members(new)
        return True

    def _known(self, entries: Sequence[Entry]) -> int:
        """Return how many of the entries the log holds already."""
        log = self._local.log
        if entries[0].index > log.last_index:
            return 0
        for count, entry in enumerate(entries):
            if log.term_at(entry.index) != entry.term:
                return count
        return len(entries)

    def _note_members(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            if entry.kind == MEMBERS:
                members = decode_members(entry.data)
                if members is not None:  # is_sound saw to it
                    self._local.membership.append(entry.index, members)

    def _accept(self, sender: NodeId, append: Append, agreed: int) -> None:
        local = self._local
        persisted = local.log.persisted
        is_promise = bool(append.entries) and agreed > persisted
        index = agreed if is_promise else min(agreed, persisted)
        is_old = append.round <= self._answered_round and index <= self._answered_index
        if not append.entries and is_old:
            return  # only the commit index was told
        self._answered_round = max(self._answered_round, append.round)
        self._answered_index = max(self._answered_index, index)
        answer = AppendAnswer(
            term=local.term,
            round=append.round,
            accepted=True,
            prev_index=append.prev_index,
            index=index,
            hint_term=0,
        )
        outbox = local.outbox.promises if is_promise else local.outbox.messages
        outbox.append((sender, answer))

    def _refuse(self, sender: NodeId, append: Append) -> None:
        """Say up to where the logs might agree: past every term that is too new at once."""
        local = self._local
        log = local.log
        hint = log.last_at_most(append.prev_index - 1, append.prev_term)
        hint = max(hint, log.commit)
        answer = AppendAnswer(
            term=local.term,
            round=append.round,
            accepted=False,
            prev_index=append.prev_index,
            index=hint,
            hint_term=log.term_at(hint) or 0,
        )
        local.outbox.messages.append((sender, answer))

    def _note_cure(self, append: Append, agreed: int) -> None:
        """Remember from which index on this member again holds all it may have promised.

        That is its leader's whole log, once the leader has committed something of its own term.
        """
        local = self._local
        if not local.recovering:
            return
        log = local.log
        committed = log.term_at(min(append.commit, agreed))
        if agreed >= append.last_index and committed == append.term:
            self._cured_at = agreed
            self.check_cure()

    def check_cure(self) -> None:
        """End the recovery once what was held is on disk."""
        local = self._local
        if local.recovering and self._cured_at and local.log.persisted >= self._cured_at:
            local.recovering = False

    def forget_cure(self) -> None:
        """Begin anew with another leader."""
        self._cured_at = 0
