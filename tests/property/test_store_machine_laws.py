"""The machine against a plain dictionary that remembers every revision, over generated logs."""

import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aether.core.model.reason import Reason
from aether.core.store import machine as machine_module
from aether.core.store.codec import decode_command, decode_result, encode_command
from aether.core.store.commands import (
    Applied,
    Command,
    Delete,
    DeletePrefix,
    Guard,
    LeaseExpire,
    LeaseGrant,
    LeaseId,
    LeaseRenew,
    LeaseRevoke,
    Noop,
    Operation,
    Put,
    Refused,
    Txn,
)
from aether.core.store.history import HistoryGone
from aether.core.store.machine import KvMachine

REASON = Reason("test", "law", "because")
KEYS = st.sampled_from(["a", "a/1", "a/2", "a/é", "b", "b/1", "c"])
PREFIXES = st.sampled_from(["", "a", "a/", "b/", "z"])
LEASES = st.integers(0, 4).map(LeaseId)
OPERATIONS: st.SearchStrategy[Operation] = st.one_of(
    st.builds(Put, KEYS, st.binary(max_size=4), LEASES),
    st.builds(Put, KEYS, st.binary(max_size=4)),
    st.builds(Delete, KEYS),
    st.builds(DeletePrefix, PREFIXES),
)
IDS = st.sampled_from(["", "", "", "r1", "r2", "r3"])
COMMANDS: st.SearchStrategy[Command] = st.one_of(
    st.builds(
        Txn,
        then=st.lists(OPERATIONS, max_size=4).map(tuple),
        reason=st.just(REASON),
        guards=st.lists(st.builds(Guard, KEYS, st.integers(0, 9)), max_size=1).map(tuple),
        otherwise=st.lists(OPERATIONS, max_size=2).map(tuple),
        request_id=IDS,
    ),
    st.builds(LeaseGrant, st.integers(0, 3000), IDS),
    st.builds(LeaseRenew, LEASES),
    st.builds(LeaseRevoke, LEASES, st.just(REASON), IDS),
    st.builds(LeaseExpire, st.lists(LEASES, max_size=3).map(tuple)),
    st.just(Noop()),
)
LOG = st.lists(st.tuples(COMMANDS, st.integers(0, 900)), max_size=30)
Log = list[tuple[Command, int]]


class Model:
    """Keys as a dictionary of (value, create, mod, version, lease), kept whole for each revision."""

    def __init__(self) -> None:
        self.keys: dict[str, tuple[bytes, int, int, int, int]] = {}
        self.past: list[dict[str, tuple[bytes, int, int, int, int]]] = [{}]
        self.leases: dict[int, tuple[int, int]] = {}
        self.granted = 0
        self.time = 0
        self.answered: dict[str, Applied | Refused] = {}

    @property
    def revision(self) -> int:
        return len(self.past) - 1

    def apply(self, command: Command, time_ms: int) -> Applied | Refused:
        self.time = max(self.time, time_ms)
        request_id = getattr(command, "request_id", "")
        if request_id and request_id in self.answered:
            return self.answered[request_id]
        outcome = self._apply(command)
        if request_id:
            self.answered[request_id] = outcome
        return outcome

    def _apply(self, command: Command) -> Applied | Refused:
        match command:
            case Noop():
                return Applied(self.revision)
            case Txn():
                return self._txn(command)
            case LeaseGrant(ttl_ms):
                return self._grant(ttl_ms)
            case LeaseRenew(lease):
                return self._renew(lease)
            case LeaseRevoke(lease):
                return Applied(*self._end([lease]))
            case LeaseExpire(leases):
                over = [n for n in leases if n in self.leases and self.leases[n][1] <= self.time]
                return Applied(*self._end(over))

    def _grant(self, ttl_ms: int) -> Applied | Refused:
        if ttl_ms < 100:
            return Refused(self.revision, code="ttl")
        self.granted += 1
        self.leases[self.granted] = (ttl_ms, self.time + ttl_ms)
        return Applied(self.revision, 0, LeaseId(self.granted), ttl_ms)

    def _renew(self, lease: LeaseId) -> Applied | Refused:
        if lease not in self.leases:
            return Refused(self.revision, code="no_lease")
        ttl_ms = self.leases[lease][0]
        self.leases[lease] = (ttl_ms, max(self.leases[lease][1], self.time + ttl_ms))
        return Applied(self.revision, 0, lease, ttl_ms)

    def _end(self, leases: list[LeaseId]) -> tuple[int, int]:
        gone = [
            k for k, entry in self.keys.items() if entry[4] in leases and entry[4] in self.leases
        ]
        for lease in leases:
            self.leases.pop(lease, None)
        self._commit({k: v for k, v in self.keys.items() if k not in gone})
        return self.revision, len(gone)

    def _txn(self, txn: Txn) -> Applied | Refused:
        failed = tuple(
            guard
            for guard in txn.guards
            if guard.mod_revision != (self.keys[guard.key][2] if guard.key in self.keys else 0)
        )
        operations = txn.otherwise if failed else txn.then
        if any(isinstance(o, Put) and o.lease and o.lease not in self.leases for o in operations):
            return Refused(self.revision, code="no_lease")
        net = self._net(operations)
        after, deleted, revision = dict(self.keys), 0, self.revision + 1
        for key, put in net.items():
            old = after.pop(key, None)
            deleted += put is None and old is not None
            if put is not None:
                created, version = (old[1], old[3] + 1) if old else (revision, 1)
                after[key] = (put.value, created, revision, version, put.lease)
        self._commit(after)
        if failed:
            return Refused(self.revision, failed)
        return Applied(self.revision, deleted)

    def _net(self, operations: tuple[Operation, ...]) -> dict[str, Put | None]:
        net: dict[str, Put | None] = {}
        for operation in operations:
            match operation:
                case Put(key):
                    net[key] = operation
                case Delete(key):
                    net[key] = None
                case DeletePrefix(prefix):
                    net |= {key: None for key in [*self.keys, *net] if key.startswith(prefix)}
        return net

    def _commit(self, after: dict[str, tuple[bytes, int, int, int, int]]) -> None:
        if after != self.keys:
            self.keys = after
            self.past.append(after)


def replayed(log: Log) -> KvMachine:
    machine, time_ms = KvMachine(), 0
    for command, passed in log:
        time_ms += passed
        machine.apply(encode_command(command), time_ms)
    return machine


def shown(machine: KvMachine, revision: int) -> dict[str, tuple[bytes, int, int, int, int]]:
    return {
        e.key: (e.value, e.create_revision, e.mod_revision, e.version, e.lease)
        for e in machine.range("", revision=revision).entries
    }


@settings(max_examples=200)
@given(LOG, PREFIXES)
def test_the_machine_is_a_dictionary_with_a_memory(log: Log, prefix: str) -> None:
    machine, model, time_ms = KvMachine(), Model(), 0
    for command, passed in log:
        time_ms += passed
        told = decode_result(machine.apply(encode_command(command), time_ms))
        expected = model.apply(command, time_ms)
        # A retry under the id of another command is answered with that one's outcome.
        assert type(told) is type(expected)
        assert told.revision == expected.revision
        if isinstance(told, Refused) and isinstance(expected, Refused):
            assert told.code == expected.code
        if isinstance(told, Applied):
            assert told == expected
        assert shown(machine, machine.revision) == model.keys
    for revision in range(model.revision + 1):
        assert shown(machine, revision) == model.past[revision]
        part = machine.range(prefix, revision=revision, limit=2)
        wanted = [key for key in sorted(model.past[revision]) if key.startswith(prefix)]
        assert [entry.key for entry in part.entries] == wanted[:2]
        assert part.more == (len(wanted) > 2)
    assert {r.lease: (r.ttl_ms, r.expires_ms) for r in machine._state.leases} == model.leases
    held = {
        number: {key for key, entry in model.keys.items() if entry[4] == number}
        for number in model.leases
    }
    assert {n: lease.keys for n, lease in machine._state.leases._leases.items()} == held
    due = {n for n, (_, expires) in model.leases.items() if expires <= time_ms + 500}
    command_due = machine.due(time_ms + 500)
    assert (command_due is None) == (not due)
    if command_due is not None:
        assert decode_command(command_due) == LeaseExpire(tuple(LeaseId(n) for n in sorted(due)))


@given(LOG, LOG)
def test_a_snapshot_is_of_the_call_and_carries_everything(log: Log, later: Log) -> None:
    machine = replayed(log)
    expected, digest = list(machine.snapshot()), machine.digest()
    parts = machine.snapshot()
    time_ms = machine.time_ms
    answers = []
    for command, passed in later:
        time_ms += passed
        answers.append(machine.apply(encode_command(command), time_ms))
    assert list(parts) == expected
    restored = KvMachine()
    restored.restore(expected)
    assert restored.digest() == digest
    time_ms = restored.time_ms
    for (command, passed), answer in zip(later, answers, strict=True):
        time_ms += passed
        assert restored.apply(encode_command(command), time_ms) == answer
    assert restored.digest() == machine.digest()
    assert list(restored.snapshot()) == list(machine.snapshot())


@given(LOG)
def test_the_past_after_a_restore_is_gone_by_name(log: Log) -> None:
    machine = replayed(log)
    restored = KvMachine()
    restored.restore(machine.snapshot())
    assert restored.range("", revision=machine.revision) == machine.range("")
    if machine.revision:
        with pytest.raises(HistoryGone) as gone:
            restored.range("", revision=machine.revision - 1)
        assert gone.value.compacted == machine.revision


@given(COMMANDS)
def test_encoding_is_canonical(command: Command) -> None:
    data = encode_command(command)
    assert decode_command(data) == command
    assert encode_command(decode_command(data)) == data


@settings(max_examples=300)
@given(COMMANDS, st.data())
def test_what_is_accepted_is_canonical_and_answered_alike(
    command: Command, data: st.DataObject
) -> None:
    mutated = bytearray(encode_command(command))
    for _ in range(data.draw(st.integers(0, 3))):
        mutated[data.draw(st.integers(1, len(mutated) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(mutated[: data.draw(st.integers(0, len(mutated)))])
    one, other = KvMachine(), KvMachine()
    assert one.apply(damaged, 2**63) == other.apply(damaged, 2**63)
    assert (one.digest(), list(one.snapshot())) == (other.digest(), list(other.snapshot()))
    try:
        accepted = decode_command(damaged)
    except ValueError:
        assert one.digest() == KvMachine().digest()
    else:
        assert damaged[:1] == b"\x01" or encode_command(accepted) == damaged


_REPLAY = """
from tests.property.test_store_machine_laws import fixed_log, replayed
machine = replayed(fixed_log())
print(machine.digest().hex(), machine.state_hash())
"""


def fixed_log() -> Log:
    log: Log = [(LeaseGrant(1000), 1), (LeaseGrant(2000, "g"), 1)]
    for number in range(400):
        puts = tuple(
            Put(f"k/{number * 7 % 60}/{n}", b"%d" % n, LeaseId(1 + n % 2)) for n in range(4)
        )
        log.append((Txn(puts, REASON, request_id=f"r{number}"), 1))
    log += [(deleted_under("k/1"), 1), (LeaseExpire((LeaseId(2), LeaseId(1))), 700)]
    return log


def deleted_under(prefix: str) -> Txn:
    return Txn((DeletePrefix(prefix),), REASON)


PUTS = st.lists(st.tuples(KEYS, st.binary(max_size=4), IDS), max_size=20)


@given(PUTS)
def test_a_lone_put_does_what_any_transaction_does(puts: list[tuple[str, bytes, str]]) -> None:
    straight, general = KvMachine(), KvMachine()
    for key, value, request_id in puts:
        command = encode_command(Txn((Put(key, value),), REASON, request_id=request_id))
        answer = straight.apply(command, 5)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(machine_module, "lone_put", lambda _txn, _size: None)
            assert general.apply(command, 5) == answer
    assert straight.digest() == general.digest()
    assert straight.state_hash() == general.state_hash()
    assert straight.changes_after(0) == general.changes_after(0)


def test_two_hash_seeds_give_equal_digests_and_snapshots() -> None:
    told = {
        subprocess.run(
            [sys.executable, "-c", _REPLAY],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in ("0", "4711")
    }
    machine = replayed(fixed_log())
    assert told == {f"{machine.digest().hex()} {machine.state_hash()}\n"}
