"""Laws of the replicated state machine, over generated logs."""

from hypothesis import given, settings
from hypothesis import strategies as st

from aether.core.model.reason import Reason
from aether.core.store.codec import Noop, decode_command, decode_result, encode_command
from aether.core.store.commands import (
    Applied,
    Changes,
    Delete,
    DeletePrefix,
    Entry,
    Guard,
    Operation,
    Put,
    Refused,
    Txn,
)
from aether.core.store.machine import KvMachine

KEYS = st.sampled_from(["a", "a/1", "a/2", "a/é", "b", "b/1", "b/\U0001f600", "c"])
PREFIXES = st.sampled_from(["", "a", "a/", "b/", "z"])
OPERATIONS: st.SearchStrategy[Operation] = st.one_of(
    st.builds(Put, KEYS, st.binary(max_size=8)),
    st.builds(Delete, KEYS),
    st.builds(DeletePrefix, PREFIXES),
)
TXNS = st.builds(
    Txn,
    then=st.lists(OPERATIONS, max_size=4).map(tuple),
    reason=st.builds(
        Reason, st.text(max_size=4), st.text(max_size=4), st.text(max_size=4), st.just({"i": "1"})
    ),
    guards=st.lists(st.builds(Guard, KEYS, st.integers(0, 12)), max_size=2).map(tuple),
    otherwise=st.lists(OPERATIONS, max_size=2).map(tuple),
    request_id=st.sampled_from(["", "", "", "r1", "r2", "r3"]),
)
COMMANDS = st.one_of(TXNS.map(encode_command), st.just(encode_command(Noop())), st.binary())
LOGS = st.lists(COMMANDS, max_size=25)


def replayed(log: list[bytes]) -> KvMachine:
    machine = KvMachine()
    for command in log:
        machine.apply(command, 0)
    return machine


@given(LOGS)
def test_equal_logs_make_equal_states_and_answers(log: list[bytes]) -> None:
    one, other = KvMachine(), KvMachine()
    assert [one.apply(command, 0) for command in log] == [
        other.apply(command, 0) for command in log
    ]
    assert one.state_hash() == other.state_hash()


@given(LOGS, TXNS)
def test_a_refused_txn_without_otherwise_changes_no_key(log: list[bytes], txn: Txn) -> None:
    machine = replayed(log)
    before = machine.range("")
    refused = Txn(txn.then, txn.reason, guards=(*txn.guards, Guard("never", 1)))
    outcome = decode_result(machine.apply(encode_command(refused), 0))
    assert isinstance(outcome, Refused)
    assert Guard("never", 1) in outcome.failed
    assert machine.range("") == before


@given(LOGS, TXNS, LOGS)
def test_a_retry_applies_once(log: list[bytes], txn: Txn, between: list[bytes]) -> None:
    command = encode_command(Txn(txn.then, txn.reason, txn.guards, txn.otherwise, "retried"))
    machine = replayed(log)
    answer = machine.apply(command, 0)
    for other in between:
        machine.apply(other, 0)
    before = machine.range("")
    assert machine.apply(command, 0) == answer
    assert machine.range("") == before


@given(LOGS, LOGS)
def test_a_restored_machine_goes_on_as_the_first(log: list[bytes], later: list[bytes]) -> None:
    machine = replayed(log)
    restored = KvMachine()
    restored.restore(machine.snapshot())
    assert restored.state_hash() == machine.state_hash()
    assert [machine.apply(c, 0) for c in later] == [restored.apply(c, 0) for c in later]
    assert restored.state_hash() == machine.state_hash()


@settings(max_examples=300)
@given(st.binary(max_size=200))
def test_apply_answers_any_bytes(command: bytes) -> None:
    for data in (command, b"\x01" + command):
        machine = KvMachine()
        assert isinstance(decode_result(machine.apply(data, 0)), Applied | Refused)


@given(TXNS, st.data())
def test_apply_answers_damaged_commands(txn: Txn, data: st.DataObject) -> None:
    command = bytearray(encode_command(txn))
    for _ in range(data.draw(st.integers(1, 4))):
        command[data.draw(st.integers(0, len(command) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(command[: data.draw(st.integers(0, len(command)))])
    assert isinstance(decode_result(KvMachine().apply(damaged, 0)), Applied | Refused)


@given(LOGS, PREFIXES, KEYS | st.just(""), st.integers(0, 4))
def test_a_range_is_the_sorted_dictionary_filtered(
    log: list[bytes], prefix: str, start: str, limit: int
) -> None:
    machine = replayed(log)
    present = {entry.key: entry for entry in machine.range("").entries}
    wanted = [key for key in sorted(present) if key.startswith(prefix) and key >= start]
    found = machine.range(prefix, limit=limit, start=start)
    shown = wanted[:limit] if limit else wanted
    assert [entry.key for entry in found.entries] == shown
    assert found.more == (len(shown) < len(wanted))


@given(LOGS)
def test_changes_replayed_on_a_dictionary_give_the_state(log: list[bytes]) -> None:
    machine = KvMachine()
    seen: list[Changes] = []
    machine.observer = lambda changes: seen.append(changes) if changes else None
    for command in log:
        machine.apply(command, 0)
    mirror: dict[str, Entry] = {}
    for batch in seen:
        for change in batch.changes:
            if change.entry is None:
                del mirror[change.key]
            else:
                mirror[change.key] = change.entry
                assert change.entry.mod_revision == batch.revision
    assert [mirror[key] for key in sorted(mirror)] == list(machine.range("").entries)
    assert [batch.revision for batch in seen] == list(range(1, machine.revision + 1))
    assert machine.changes_after(0) == tuple(seen)


@given(TXNS)
def test_commands_round_trip(txn: Txn) -> None:
    assert decode_command(encode_command(txn)) == txn


@given(LOGS, TXNS)
def test_a_guard_on_what_is_there_holds(log: list[bytes], txn: Txn) -> None:
    machine = replayed(log)
    guards = tuple(Guard(e.key, e.mod_revision) for e in machine.range("").entries)
    outcome = decode_result(machine.apply(encode_command(Txn(txn.then, txn.reason, guards)), 0))
    assert isinstance(outcome, Applied)
