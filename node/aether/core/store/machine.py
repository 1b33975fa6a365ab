"""The replicated key-value state machine: equal logs make equal states, on every member.

Rules for this file: no clock but the log's, no dice, no order that depends on hashing; `apply`
answers every sequence of bytes and raises for none.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from aether.core.model.reason import Reason
from aether.core.store.chain import Chain
from aether.core.store.codec import decode_command, encode_command, encode_result
from aether.core.store.commands import (
    MAX_EXPIRED,
    MAX_TTL_MS,
    MIN_TTL_MS,
    Applied,
    Change,
    Changes,
    Command,
    Delete,
    Entry,
    Guard,
    LeaseExpire,
    LeaseGrant,
    LeaseId,
    LeaseRenew,
    LeaseRevoke,
    Noop,
    Operation,
    Outcome,
    Put,
    Range,
    Refused,
    Txn,
)
from aether.core.store.history import History
from aether.core.store.leases import MAX_LEASE_KEYS, MAX_LEASES
from aether.core.store.limits import MAX_COMMAND_BYTES, lone_put, request_problem, txn_problem
from aether.core.store.requests import Answer, Given, Requests
from aether.core.store.snapshot import Replicated, Restoration, snapshot_parts
from aether.core.store.state import KvState

Observer = Callable[[Changes | None], None]
"""Called with each change applied, and with None when the whole state was replaced."""

Decode = Callable[[bytes], Command]
"""Reads a command; raises ValueError saying what is wrong with its bytes."""

LAST_TIME_MS = 2**62
"""Cluster time stands still here: a member with a mad clock must not make numbers of no size."""


class KvMachine:
    """Applies commands to the keys and remembers what lately changed: a `ports.StateMachine`.

    `observer` is told of every change after it took effect; it must not raise. `decode` is `decode_command`,
    or that with a memory: machines of one process that apply the same log need not all read it.
    """

    def __init__(self, decode: Decode = decode_command) -> None:
        self._decode = decode
        self.observer: Observer | None = None
        self.replaced = 0
        """How often the whole state was replaced by another: no change tells what came of that."""
        self._state = KvState()
        self._requests = Requests()
        self._history = History()
        self._time_ms = 0
        self._chain = Chain()
        self._last_reason = Reason("store", "start", "nothing was applied yet")

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

    # -- what the log does -------------------------------------------------------------------------

    def apply(self, command: bytes, time_ms: int) -> bytes:
        """Apply one command committed at cluster time `time_ms`; return its encoded result.

        Total: a command that is malformed, unknown or over a limit changes nothing and is
        answered with a refusal that says why.
        """
        if time_ms > self._time_ms:
            self._time_ms = min(time_ms, LAST_TIME_MS)
        size = len(command)
        if size > MAX_COMMAND_BYTES:
            message = f"a command of {size} bytes; the limit is {MAX_COMMAND_BYTES}"
            return encode_result(self._malformed(message))
        try:
            decoded = self._decode(command)
        except ValueError as problem:
            return encode_result(self._malformed(f"not a command: {problem}"))
        if type(decoded) is Txn:
            if (put := lone_put(decoded, size)) is not None and not self._state.may_fill(size):
                return encode_result(self._put_alone(decoded, put))
            return encode_result(self._txn(decoded, size))
        return encode_result(self._other(decoded))

    def _other(self, command: Command) -> Outcome:
        match command:
            case LeaseGrant():
                return self._grant(command)
            case LeaseRenew():
                return self._renew(command)
            case LeaseRevoke():
                return self._revoke(command)
            case LeaseExpire():
                return self._expire(command)
            case Txn() | Noop():
                return Applied(self._state.revision)

    def _malformed(self, message: str) -> Refused:
        return Refused(self._state.revision, message=message, code="malformed")

    def _txn(self, txn: Txn, size: int) -> Outcome:
        if breach := txn_problem(txn, size):
            return self._malformed(breach.message)
        given = self._requests.answered(txn.request_id)
        if given is None:
            given = self._carry_out(txn, size)
        if type(given) is int:
            return Applied(given)
        return _outcome_of(given, txn.guards)

    def _carry_out(self, txn: Txn, size: int) -> Given:
        """Carry out a transaction that was not carried out before."""
        failed = self._failed(txn.guards) if txn.guards else ()
        operations = txn.otherwise if failed else txn.then
        state = self._state
        if refusal := state.refusal(operations, size):
            return self._answered(txn.request_id, self._refusal(*refusal))
        changes = self._change(operations, txn.reason)
        deleted = _deleted(changes)
        given: Given = state.revision
        if failed or deleted:
            given = Answer(not failed, state.revision, deleted, failed)
        return self._answered(txn.request_id, given, changes)

    def _put_alone(self, txn: Txn, put: Put) -> Outcome:
        """Do what `_txn` does for a lone put, nearly every write, without what others need."""
        state, request_id = self._state, txn.request_id
        revision, time_ms = state.revision + 1, self._time_ms
        given = self._requests.settle(request_id, revision, time_ms)
        if given is not None:
            return _outcome_of(given, ())
        after, before = state.put(put)
        reason = self._shared(txn.reason)
        self._history.add_put(after, before, reason, time_ms)
        key = put.key
        if self.observer is not None:
            self.observer(Changes(revision, reason, (Change(key, after),)))
        # The bytes of the Change it is, without making one.
        self._chain.add((request_id, revision, ((key, after),)))
        return Applied(revision)

    def _shared(self, reason: Reason) -> Reason:
        """Return the reason, made of the parts of the last one where only its time differs.

        Who writes much gives one reason: the history then holds it once.
        """
        last = self._last_reason
        if (
            reason.text == last.text
            and reason.rule == last.rule
            and reason.actor == last.actor
            and reason.inputs == last.inputs
            and reason.rejected == last.rejected
        ):
            if reason.at_ms == last.at_ms:
                return last
            reason = Reason(
                last.actor, last.rule, last.text, last.inputs, last.rejected, reason.at_ms
            )
        self._last_reason = reason
        return reason

    def _failed(self, guards: tuple[Guard, ...]) -> tuple[int, ...]:
        """Return the positions of the guards that do not hold."""
        entries = self._state.entries
        return tuple(
            [
                position
                for position, guard in enumerate(guards)
                if guard.mod_revision
                != (entry.mod_revision if (entry := entries.get(guard.key)) else 0)
            ]
        )

    def _refusal(self, code: str, message: str) -> Answer:
        return Answer(applied=False, revision=self._state.revision, message=message, code=code)

    def _change(self, operations: Sequence[Operation], reason: Reason) -> tuple[Change, ...]:
        changes, before = self._state.changed(operations)
        if changes:
            batch = Changes(self._state.revision, reason, changes)
            self._history.add(batch, before, self._time_ms)
            if self.observer is not None:
                self.observer(batch)
        return changes

    def _answered(self, request_id: str, given: Given, effect: object = ()) -> Given:
        """Remember what a request was answered, and chain what it did to the digest."""
        if request_id:
            self._requests.remember(request_id, given, self._time_ms)
        elif not effect:
            return given
        self._chain.add((request_id, given, effect))
        return given

    # -- leases ------------------------------------------------------------------------------------

    def _grant(self, grant: LeaseGrant) -> Outcome:
        if breach := request_problem(grant.request_id):
            return self._malformed(breach.message)
        given = self._requests.answered(grant.request_id)
        if given is None:
            given = self._answered(grant.request_id, self._granted(grant.ttl_ms), "grant")
        return _outcome_of(given, ())

    def _granted(self, ttl_ms: int) -> Answer:
        if not MIN_TTL_MS <= ttl_ms <= MAX_TTL_MS:
            message = f"a lease of {ttl_ms} ms; it may last from {MIN_TTL_MS} to {MAX_TTL_MS} ms"
            return self._refusal("ttl", message)
        leases = self._state.leases
        if len(leases) >= MAX_LEASES:
            return self._refusal("full", f"there are {MAX_LEASES} leases, the limit: revoke some")
        lease = leases.grant(ttl_ms, self._time_ms)
        return Answer(applied=True, revision=self.revision, lease=lease, ttl_ms=ttl_ms)

    def _renew(self, renew: LeaseRenew) -> Outcome:
        lease = self._state.leases.get(renew.lease)
        if lease is None:
            return Refused(self.revision, message=f"lease {renew.lease} is gone", code="no_lease")
        self._state.leases.renew(lease, self._time_ms)
        self._chain.add((renew.lease, lease.expires_ms))
        return Applied(self.revision, lease=renew.lease, ttl_ms=lease.ttl_ms)

    def _revoke(self, revoke: LeaseRevoke) -> Outcome:
        if breach := request_problem(revoke.request_id):
            return self._malformed(breach.message)
        given = self._requests.answered(revoke.request_id)
        if given is None:
            changes = self._ended((revoke.lease,), revoke.reason)
            answer = Answer(applied=True, revision=self.revision, deleted=len(changes))
            given = self._answered(revoke.request_id, answer, (revoke.lease, changes))
        return _outcome_of(given, ())

    def _expire(self, expire: LeaseExpire) -> Outcome:
        """End the leases that are over now, as far as one step may delete keys."""
        over: dict[LeaseId, None] = {}
        keys = 0
        for number in expire.leases[:MAX_EXPIRED]:
            lease = self._state.leases.get(number)
            if lease is None or lease.expires_ms > self._time_ms or number in over:
                continue
            keys += len(lease.keys)
            if over and keys > MAX_LEASE_KEYS:
                break
            over[number] = None
        if not over:
            return Applied(self.revision)
        reason = Reason("store", "lease", "time to live is over", {"leases": str(len(over))})
        changes = self._ended(over, reason)
        self._chain.add((tuple(over), changes))
        return Applied(self.revision, len(changes))

    def _ended(self, leases: Iterable[LeaseId], reason: Reason) -> tuple[Change, ...]:
        keys = [key for lease in leases for key in sorted(self._state.leases.end(lease))]
        return self._change([Delete(key) for key in keys], reason)

    def due(self, time_ms: int) -> bytes | None:
        """Return the command a leader should propose now that it is `time_ms`, if any."""
        leases = self._state.leases.due(time_ms)
        return encode_command(LeaseExpire(leases)) if leases else None

    def lease_ttl(self, lease: LeaseId) -> int | None:
        """Return what was left of a lease at `time_ms`, in milliseconds; None when it is gone."""
        found = self._state.leases.get(lease)
        return max(found.expires_ms - self._time_ms, 0) if found is not None else None

    # -- what readers ask --------------------------------------------------------------------------

    def get(self, key: str) -> Entry | None:
        """Return one entry as this member has it."""
        return self._state.entries.get(key)

    def range(
        self, prefix: str, *, limit: int = 0, start: str = "", revision: int | None = None
    ) -> Range:
        """Return the entries under `prefix` from key `start` on, at most `limit` (0: all).

        With `revision`, as they stood then: raises HistoryGone when that cannot be told any more,
        ValueError when it is still to come.
        """
        if revision is not None and revision != self._state.revision:
            return self._past_range(prefix, limit, start, revision)
        return _limited(self._state.revision, self._state.under(prefix, start), limit)

    def _past_range(self, prefix: str, limit: int, start: str, revision: int) -> Range:
        if revision > self._state.revision:
            raise ValueError(
                f"revision {revision} is still to come: the newest is {self._state.revision}"
            )
        stood = self._history.undone(revision)
        entries = {e.key: e for e in self._state.under(prefix, start) if e.key not in stood}
        entries |= {
            key: entry
            for key, entry in stood.items()
            if entry is not None and key >= start and key.startswith(prefix)
        }
        return _limited(revision, (entries[key] for key in sorted(entries)), limit)

    def changes_after(self, revision: int) -> tuple[Changes, ...] | None:
        """Return what changed after `revision`, or None when part of that is gone."""
        if revision < self._history.compacted:
            return None
        return tuple(self._history.after(revision))

    # -- the whole state ---------------------------------------------------------------------------

    def snapshot(self) -> Iterator[bytes]:
        """Return the whole state as of this call, in parts; history is not part of it."""
        return snapshot_parts(Replicated(self._state, self._requests, self._time_ms, self._chain))

    def restoring(self) -> Restoration:
        """Begin to replace the whole state."""
        return Restoration(self._install)

    def restore(self, parts: Iterable[bytes]) -> None:
        """Replace the whole state; raises ValueError when a part is damaged or missing."""
        restoration = self.restoring()
        for part in parts:
            restoration.feed(part)
        restoration.finish()

    def _install(self, replicated: Replicated) -> None:
        self._state, self._requests = replicated.state, replicated.requests
        self._time_ms, self._chain = replicated.time_ms, replicated.chain
        self._history = History(compacted=self._state.revision)
        self.replaced += 1
        if self.observer is not None:
            self.observer(None)

    def digest(self) -> bytes:
        """Return a digest of everything the log ever did, equal on members with equal logs."""
        return self._chain.digest()

    def state_hash(self) -> str:
        """Return a digest of the state as it stands, in time that grows with it."""
        return hashlib.sha256(b"".join(self.snapshot())).hexdigest()


def _deleted(changes: tuple[Change, ...]) -> int:
    if len(changes) == 1:
        return int(changes[0].entry is None)
    return sum([change.entry is None for change in changes])


def _outcome_of(given: Given, guards: tuple[Guard, ...]) -> Outcome:
    if isinstance(given, int):
        return Applied(given)
    if given.applied:
        return Applied(given.revision, given.deleted, given.lease, given.ttl_ms)
    failed = tuple(guards[position] for position in given.failed if position < len(guards))
    return Refused(given.revision, failed, given.message, given.code)


def _limited(revision: int, entries: Iterator[Entry], limit: int) -> Range:
    if not limit:
        return Range(revision, tuple(entries))
    found = tuple(islice(entries, limit))
    return Range(revision, found, more=len(found) == limit and next(entries, None) is not None)
