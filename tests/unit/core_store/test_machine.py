import pytest

from aether.core.model.reason import Reason
from aether.core.store import history, requests
from aether.core.store.codec import Noop, decode_result, encode_command
from aether.core.store.commands import Applied, Changes, Delete, Outcome, Put, Refused, Txn
from aether.core.store.limits import MAX_COMMAND_BYTES
from aether.core.store.machine import KvMachine

REASON = Reason("test", "unit", "because")


def do(kv: KvMachine, *operations: Put | Delete, request_id: str = "") -> Outcome:
    txn = Txn(operations, REASON, request_id=request_id)
    return decode_result(kv.apply(encode_command(txn), 0))


def test_one_revision_for_each_txn_that_changes_something() -> None:
    kv = KvMachine()
    assert do(kv, Put("a", b"1"), Put("b", b"2")) == Applied(1)
    assert do(kv, Delete("nothing")) == Applied(1)
    assert do(kv) == Applied(1)
    assert decode_result(kv.apply(encode_command(Noop()), 0)) == Applied(1)
    assert do(kv, Put("a", b"1")) == Applied(2)
    assert do(kv, Delete("a")) == Applied(3, deleted=1)


def test_a_key_has_one_net_change_in_a_txn() -> None:
    kv = KvMachine()
    assert do(kv, Put("a", b"1"), Delete("a")) == Applied(0)
    do(kv, Put("a", b"1"), Put("a", b"2"))
    entry = kv.get("a")
    assert entry is not None
    assert (entry.value, entry.version) == (b"2", 1)


def test_what_is_no_command_is_refused_with_the_reason() -> None:
    kv = KvMachine()
    for command, said in (
        (b"", "schema missing"),
        (b"\x09", "schema 09"),
        (b"\x01\xc1", "not a command"),
        (bytes(MAX_COMMAND_BYTES + 1), "the limit is"),
        (encode_command(Txn((Put("", b""),), REASON)), "length >= 1"),
        (encode_command(Txn((Put("k" * 1025, b""),), REASON)), "1024"),
        (encode_command(Txn((), REASON, request_id="r" * 129)), "request id"),
    ):
        outcome = decode_result(kv.apply(command, 0))
        assert isinstance(outcome, Refused)
        assert said in outcome.message
    assert kv.state_hash() == KvMachine().state_hash()


def test_request_ids_are_forgotten_in_log_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "MAX_REQUESTS", 100)
    kv = KvMachine()
    do(kv, Put("a", b""), request_id="first")
    for number in range(99):
        do(kv, request_id=str(number))
    assert do(kv, Put("a", b""), request_id="first") == Applied(1)
    do(kv, request_id="one more")
    assert do(kv, Put("a", b""), request_id="first") == Applied(2)
    assert len(kv._requests) == 100


def test_history_is_bounded_and_says_what_is_gone() -> None:
    kv = KvMachine()
    for _ in range(history.MAX_BATCHES + 5):
        do(kv, Put("a", b""))
    assert kv.compacted == 5
    assert kv.changes_after(4) is None
    kept = kv.changes_after(5)
    assert kept is not None
    assert len(kept) == history.MAX_BATCHES


def test_restore_replaces_and_tells_the_observer() -> None:
    kv, other = KvMachine(), KvMachine()
    told: list[Changes | None] = []
    other.observer = told.append
    do(kv, Put("a", b"1"))
    do(other, Put("b", b"1"))
    other.restore(kv.snapshot())
    assert [entry.key for entry in other.range("").entries] == ["a"]
    assert told[-1] is None
    assert other.changes_after(0) is None
    assert other.changes_after(1) == ()
