"""Keys and values with their revisions and leases, ordered by key."""

from collections.abc import Iterable, Iterator, Sequence
from weakref import ReferenceType, ref

from sortedcontainers import SortedList

from aether.core.store.commands import (
    MAX_DELETED,
    Change,
    Delete,
    DeletePrefix,
    Entry,
    Operation,
    Put,
)
from aether.core.store.leases import MAX_LEASE_KEYS, Leases

MAX_STATE_BYTES = 1024 * 1024 * 1024
"""Most bytes of all keys and values; writes are refused as `full` beyond, deletes are not."""
ENTRY_BYTES = 256
"""What an entry takes beside its key and value, about."""
_MOST_UNSORTED = 1024
"""New keys gathered before they are put in order: together, sorted, they cost half of what each by
itself does. So many take about half a millisecond."""
_LAST_CHARACTER = "\U0010ffff"

Effects = tuple[tuple[Change, ...], tuple[Entry | None, ...]]
"""What changed, sorted by key, and the entry each change replaced."""


class Entries:
    """Entries gathered bit by bit, to make a state of."""

    def __init__(self) -> None:
        self.by_key: dict[str, Entry] = {}
        self.bytes = 0
        self.leased: list[Entry] = []

    def take(self, entries: Iterable[Entry]) -> None:
        """Add entries of other keys."""
        for entry in entries:
            self.by_key[entry.key] = entry
            self.bytes += _size_of(entry)
            if entry.lease:
                self.leased.append(entry)


class Moment:
    """The entries of one moment: their keys, and those that changed since as they stood.

    It lives as long as somebody holds it. A whole copy of the entries would take twice as long.
    """

    def __init__(self, keys: list[str], entries: dict[str, Entry]) -> None:
        self.keys = keys
        self.stood: dict[str, Entry | None] = {}
        self._entries = entries

    def entry(self, key: str) -> Entry:
        """Return the entry of one of `keys`."""
        return self.stood.get(key) or self._entries[key]


class KvState:
    """The entries as they stand at one revision.

    `changed` carries operations out as one step: a key has one net change per revision, whatever
    the operations did to it on the way.
    """

    def __init__(
        self, revision: int = 0, entries: Entries | None = None, leases: Leases | None = None
    ) -> None:
        entries = entries if entries is not None else Entries()
        self.revision = revision
        self.leases = leases if leases is not None else Leases()
        self.entries = entries.by_key
        self.bytes = entries.bytes
        """Size of all entries, about; equal on members with equal entries."""
        self._keys: SortedList[str] = SortedList(self.entries)
        self._unsorted: list[str] = []
        """Keys of entries that are not among `_keys` yet."""
        self._moments: list[ReferenceType[Moment]] = []
        for entry in entries.leased:
            if (lease := self.leases.get(entry.lease)) is not None:
                lease.keys.add(entry.key)

    def __len__(self) -> int:
        return len(self.entries)

    def _sorted(self) -> "SortedList[str]":
        """Return all keys in order."""
        if self._unsorted:
            self._keys.update(self._unsorted)
            self._unsorted.clear()
        return self._keys

    def get(self, key: str) -> Entry | None:
        """Return the entry of `key`, or None when it does not exist."""
        return self.entries.get(key)

    def moment(self) -> "Moment":
        """Return the entries as they stand now, to be looked at while they go on changing."""
        moment = Moment(list(self._sorted()), self.entries)
        self._moments.append(ref(moment))
        return moment

    def _note(self, keys: Iterable[str]) -> None:
        """Have whoever looks at an earlier moment keep the entries of `keys`, about to change."""
        living = [moment for reference in self._moments if (moment := reference()) is not None]
        if len(living) < len(self._moments):
            self._moments = [ref(moment) for moment in living]
        for moment in living:
            for key in keys:
                moment.stood.setdefault(key, self.entries.get(key))

    def under(self, prefix: str, start: str = "") -> Iterator[Entry]:
        """Walk the entries under `prefix` from key `start` on, sorted by key."""
        first = max(prefix, start)
        keys = self._sorted().irange(first, _after(prefix), inclusive=(True, False))
        return map(self.entries.__getitem__, keys)

    def may_fill(self, size: int) -> bool:
        """Whether a put of `size` bytes could pass the limit."""
        return self.bytes + size + ENTRY_BYTES > MAX_STATE_BYTES

    def refusal(self, operations: tuple[Operation, ...], size: int) -> tuple[str, str] | None:
        """Say in a word and in a sentence why `operations` of `size` bytes cannot be, or None."""
        most = self.bytes + size + len(operations) * ENTRY_BYTES
        if most > MAX_STATE_BYTES and any(type(operation) is Put for operation in operations):
            return "full", (
                f"the store holds {self.bytes} bytes; with this write of {size} it could pass "
                f"{MAX_STATE_BYTES}: delete keys first"
            )
        if (count := self._deleted_by_prefix(operations)) > MAX_DELETED:
            return "too_many", (
                f"it would delete {count} keys by prefix; the limit is {MAX_DELETED} in one "
                "transaction: delete a longer prefix, or page by page"
            )
        for operation in operations:
            if type(operation) is Put and operation.lease:
                lease = self.leases.get(operation.lease)
                if lease is None:
                    return "no_lease", f"lease {operation.lease} of key {operation.key!r} is gone"
                if len(lease.keys) + len(operations) > MAX_LEASE_KEYS:
                    return "full", (
                        f"lease {operation.lease} has {len(lease.keys)} keys; with these it may "
                        f"pass {MAX_LEASE_KEYS}, the limit"
                    )
        return None

    def _deleted_by_prefix(self, operations: Iterable[Operation]) -> int:
        """Return how many keys the prefixes to be deleted hold, each prefix counted by itself."""
        count = 0
        for operation in operations:
            if type(operation) is DeletePrefix:
                keys, after = self._sorted(), _after(operation.prefix)
                last = len(keys) if after is None else keys.bisect_left(after)
                count += last - keys.bisect_left(operation.prefix)
        return count

    def changed(self, operations: Sequence[Operation]) -> Effects:
        """Carry `operations` out and return the effects; no change leaves the revision alone."""
        wishes = self._net(operations)
        if not wishes:
            return (), ()
        if self._moments:
            self._note(wishes)
        self.revision += 1
        keys = sorted(wishes) if len(wishes) > 1 else wishes
        before = tuple([self.entries.get(key) for key in keys])
        pairs = zip(keys, before, strict=True)
        return tuple([Change(key, self._set(wishes[key], old)) for key, old in pairs]), before

    def put(self, put: Put) -> tuple[Entry, Entry | None]:
        """Carry out one put; return the entry that stands now and the one it replaced."""
        key = put.key
        if self._moments:
            self._note((key,))
        before = self.entries.get(key)
        self.revision += 1
        return self._put(put, before), before

    def _net(self, operations: Iterable[Operation]) -> dict[str, Put | None]:
        """Return the put each touched key shall end with; None for keys that shall go."""
        wishes: dict[str, Put | None] = {}
        absent = False
        for operation in operations:
            match operation:
                case Put():
                    wishes[operation.key] = operation
                case Delete():
                    wishes[operation.key] = None
                    absent = True
                case DeletePrefix():
                    prefix = operation.prefix
                    wishes |= {key: None for key in wishes if key.startswith(prefix)}
                    wishes |= {entry.key: None for entry in self.under(prefix)}
                    absent = True
        if absent:
            return {k: put for k, put in wishes.items() if put is not None or k in self.entries}
        return wishes

    def _set(self, put: Put | None, before: Entry | None) -> Entry | None:
        """Carry `put` out, or without one delete `before`; return the entry that stands then."""
        if put is not None:
            return self._put(put, before)
        if before is not None:
            del self.entries[before.key]
            self._sorted().remove(before.key)
            self.bytes -= _size_of(before)
            self._detach(before)
        return None

    def _put(self, put: Put, before: Entry | None) -> Entry:
        """Carry `put` out in place of `before`, at the present revision."""
        key, value, revision, lease = put.key, put.value, self.revision, put.lease
        if before is None:
            after = Entry(key, value, revision, revision, 1, lease)
            self._unsorted.append(key)
            if len(self._unsorted) >= _MOST_UNSORTED:
                self._sorted()
            self.bytes += len(key) + len(value) + ENTRY_BYTES
        else:
            after = Entry(key, value, before.create_revision, revision, before.version + 1, lease)
            self.bytes += len(value) - len(before.value)
            if before.lease:
                self._detach(before)
        self.entries[key] = after
        if lease and (living := self.leases.get(lease)) is not None:
            living.keys.add(key)
        return after

    def _detach(self, before: Entry) -> None:
        """Take an entry that is replaced or deleted out of its lease."""
        if before.lease and (lease := self.leases.get(before.lease)) is not None:
            lease.keys.discard(before.key)


def _size_of(entry: Entry) -> int:
    return len(entry.key) + len(entry.value) + ENTRY_BYTES


def _after(prefix: str) -> str | None:
    """Return the least text above all that start with `prefix`, or None when there is none."""
    stem = prefix.rstrip(_LAST_CHARACTER)
    return stem[:-1] + chr(ord(stem[-1]) + 1) if stem else None
