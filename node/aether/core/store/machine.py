"""The replicated key-value state machine: equal logs make equal states, on every member.

Rules for this file: no clock, no dice, no order that depends on hashing; `apply` answers every
sequence of bytes and raises for none.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator

from aether.core.store.codec import Noop, decode_command, encode_result
from aether.core.store.commands import (
    Applied,
    Changes,
    Entry,
    Guard,
    Outcome,
    Range,
    Refused,
    Txn,
)
from aether.core.store.history import History
from aether.core.store.limits import MAX_COMMAND_BYTES, txn_problem
from aether.core.store.requests import Answer, Requests
from aether.core.store.snapshot import decode_snapshot, encode_snapshot
from aether.core.store.state import KvState

Observer = Callable[[Changes | None], None]
"""Called with each change applied, and with None when the whole state was replaced."""


class KvMachine:
    """Applies commands to the keys and remembers what lately changed.

    `observer` is told of every change after it took effect; it must not raise.
    """

    def __init__(self) -> None:
        self.observer: Observer | None = None
        self._state = KvState()
        self._requests = Requests()
        self._history = History()
        self._time_ms = 0
        self._digest = b""

    @property
    def revision(self) -> int:
        """Revision of the last change applied."""
        return self._state.revision

    @property
    def compacted(self) -> int:
        """Changes up to this revision are no longer in the history."""
        return self._history.compacted

    @property
    def time_ms(self) -> int:
        """Cluster time of the last command applied; never goes back."""
        return self._time_ms

    def apply(self, command: bytes, time_ms: int) -> bytes:
        """Apply one command committed at cluster time `time_ms`; return its encoded result.

        Total: a command that is malformed, unknown or over a limit changes nothing and is
        answered with a refusal that says why.
        """
        self._time_ms = max(self._time_ms, time_ms)
        result = encode_result(self._outcome(command))
        chained = hashlib.blake2b(self._digest, digest_size=16)
        chained.update(command)
        chained.update(result)
        self._digest = chained.digest()
        return result

    def due(self, time_ms: int) -> bytes | None:  # noqa: ARG002 - nothing here goes by time yet
        """Return the command a leader should propose now that it is `time_ms`, if any."""
        return None

    def digest(self) -> bytes:
        """Return a digest that is equal on members that applied equal logs."""
        return self._digest

    def _outcome(self, command: bytes) -> Outcome:
        if len(command) > MAX_COMMAND_BYTES:
            return self._malformed(
                f"a command of {len(command)} bytes; the limit is {MAX_COMMAND_BYTES}"
            )
        try:
            decoded = decode_command(command)
        except ValueError as problem:
            return self._malformed(f"not a command: {problem}")
        if isinstance(decoded, Noop):
            return Applied(self.revision)
        if breach := txn_problem(decoded):
            return self._malformed(breach.message)
        answer = self._requests.answered(decoded.request_id)
        if answer is None:
            answer = self._carry_out(decoded)
            self._requests.remember(decoded.request_id, answer)
        return _outcome_of(answer, decoded.guards)

    def _malformed(self, message: str) -> Refused:
        return Refused(self.revision, message=message)

    def _carry_out(self, txn: Txn) -> Answer:
        failed = tuple(
            position for position, guard in enumerate(txn.guards) if not self._holds(guard)
        )
        changes = self._state.changed(txn.otherwise if failed else txn.then)
        if changes:
            batch = Changes(self.revision, txn.reason, changes)
            self._history.add(batch)
            if self.observer is not None:
                self.observer(batch)
        deleted = sum(change.entry is None for change in changes)
        return Answer(not failed, self.revision, deleted, failed)

    def _holds(self, guard: Guard) -> bool:
        entry = self._state.get(guard.key)
        return guard.mod_revision == (entry.mod_revision if entry else 0)

    def get(self, key: str) -> Entry | None:
        """Return one entry as this member has it."""
        return self._state.get(key)

    def range(self, prefix: str, *, limit: int = 0, start: str = "") -> Range:
        """Return the entries under `prefix` from key `start` on, at most `limit` (0: all)."""
        entries: list[Entry] = []
        for entry in self._state.under(prefix, start):
            if limit and len(entries) == limit:
                return Range(self.revision, tuple(entries), more=True)
            entries.append(entry)
        return Range(self.revision, tuple(entries))

    def changes_after(self, revision: int) -> tuple[Changes, ...] | None:
        """Return what changed after `revision`, or None when part of that is gone."""
        if revision < self._history.compacted:
            return None
        return tuple(self._history.after(revision))

    def snapshot(self) -> Iterator[bytes]:
        """Return the whole state in parts; the history for watchers is not part of it."""
        yield encode_snapshot(self._state, self._requests)

    def restoring(self) -> "Restoration":
        """Begin to replace the whole state."""
        return Restoration(self)

    def restore(self, parts: Iterable[bytes]) -> None:
        """Replace the whole state; raises ValueError when a part is damaged or missing."""
        restoration = self.restoring()
        for part in parts:
            restoration.feed(part)
        restoration.finish()

    def _replace(self, snapshot: bytes) -> None:
        self._state, self._requests = decode_snapshot(snapshot)
        self._history = History(compacted=self._state.revision)
        if self.observer is not None:
            self.observer(None)

    def state_hash(self) -> str:
        """Return a digest that is equal on members that applied equal logs."""
        return hashlib.sha256(b"".join(self.snapshot())).hexdigest()


class Restoration:
    """A state being rebuilt part by part."""

    def __init__(self, machine: KvMachine) -> None:
        self._machine = machine
        self._parts: list[bytes] = []

    def feed(self, part: bytes) -> None:
        """Take the next part of a snapshot."""
        self._parts.append(part)

    def finish(self) -> None:
        """Replace the machine's state; raises ValueError when the snapshot is damaged."""
        self._machine._replace(b"".join(self._parts))


def _outcome_of(answer: Answer, guards: tuple[Guard, ...]) -> Outcome:
    if answer.applied:
        return Applied(answer.revision, answer.deleted)
    failed = tuple(guards[position] for position in answer.failed if position < len(guards))
    return Refused(answer.revision, failed)
