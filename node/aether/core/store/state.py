"""Keys and values with their revisions, ordered by key."""

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping

from aether.core.store.commands import Change, Delete, DeletePrefix, Entry, Operation, Put


class KvState:
    """The entries as they stand at one revision.

    `changed` carries operations out as one step: a key has one net change per revision, whatever
    the operations did to it on the way.
    """

    def __init__(self) -> None:
        self.revision = 0
        self._entries: dict[str, Entry] = {}
        self._keys: list[str] = []

    def __len__(self) -> int:
        return len(self._keys)

    def get(self, key: str) -> Entry | None:
        """Return the entry of `key`, or None when it does not exist."""
        return self._entries.get(key)

    def under(self, prefix: str, start: str = "") -> Iterator[Entry]:
        """Walk the entries under `prefix` from key `start` on, sorted by key."""
        for position in range(bisect_left(self._keys, max(prefix, start)), len(self._keys)):
            key = self._keys[position]
            if not key.startswith(prefix):
                return
            yield self._entries[key]

    def changed(self, operations: tuple[Operation, ...]) -> tuple[Change, ...]:
        """Carry `operations` out and return what changed; no change leaves the revision alone."""
        wishes = {
            key: value
            for key, value in self._net(operations).items()
            if value is not None or key in self._entries
        }
        if not wishes:
            return ()
        self.revision += 1
        return tuple(self._change(key, wishes[key]) for key in sorted(wishes))

    def _net(self, operations: tuple[Operation, ...]) -> Mapping[str, bytes | None]:
        """Return the value each touched key shall have in the end; None for no value."""
        wishes: dict[str, bytes | None] = {}
        for operation in operations:
            match operation:
                case Put(key, value):
                    wishes[key] = value
                case Delete(key):
                    wishes[key] = None
                case DeletePrefix(prefix):
                    wishes |= {key: None for key in wishes if key.startswith(prefix)}
                    wishes |= {entry.key: None for entry in self.under(prefix)}
        return wishes

    def _change(self, key: str, value: bytes | None) -> Change:
        before = self._entries.get(key)
        if value is None:
            del self._entries[key]
            del self._keys[bisect_left(self._keys, key)]
            return Change(key, None)
        if before is None:
            insort(self._keys, key)
            after = Entry(key, value, self.revision, self.revision, 1)
        else:
            after = Entry(key, value, before.create_revision, self.revision, before.version + 1)
        self._entries[key] = after
        return Change(key, after)

    @classmethod
    def of(cls, revision: int, entries: list[Entry]) -> "KvState":
        """Return the state that holds `entries` at `revision`."""
        state = cls()
        state.revision = revision
        state._entries = {entry.key: entry for entry in entries}
        state._keys = sorted(state._entries)
        return state
