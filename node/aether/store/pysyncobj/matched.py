"""What a follower's log is known to share with its leader's, so that none of it is cut off again.

PySyncObj's follower drops everything after `prev_index` before it adds a message's entries, even
entries that are the same, and its leader sends entries again that are still under way. A follower
would so drop and re-add what it has acknowledged. Within one leader's term its log only grows, so
what was matched in a term stays matched: a message is shortened to what is new before the library
sees it.
"""

from aether.store.pysyncobj.messages import Append


class MatchedPrefix:
    """The last entry known to be the leader's own, in the leader's present term."""

    def __init__(self) -> None:
        self._leader_term = -1
        self._index = 0
        self._entry_term = 0

    def shortened(self, message: Append) -> Append:
        """Return `message` without what the log is known to hold already."""
        if message.term != self._leader_term or message.prev_index is None:
            return message
        known = self._index - message.prev_index
        if known <= 0:
            return message
        return Append(
            term=message.term,
            commit_index=message.commit_index,
            prev_index=self._index,
            prev_term=self._entry_term,
            entries=message.entries[known:],
        )

    def accepted(self, message: Append) -> None:
        """Note that the log took `message`: it now agrees with the leader's to its end."""
        self._leader_term = message.term
        if message.entries:
            self._index, self._entry_term = message.entries[-1].index, message.entries[-1].term
        elif message.prev_index is not None and message.prev_term is not None:
            self._index, self._entry_term = message.prev_index, message.prev_term

    def forget(self) -> None:
        """Know nothing any more: the log was replaced."""
        self._leader_term = -1
