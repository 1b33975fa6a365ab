import pytest

from aether.core.model.reason import Reason
from aether.core.store import history, machine, requests, state
from aether.core.store.codec import Noop, decode_result, encode_command
from aether.core.store.commands import (
    Applied,
    Changes,
    Command,
    Delete,
    LeaseGrant,
    LeaseId,
    LeaseRenew,
    LeaseRevoke,
    Outcome,
    Put,
    Refused,
    Txn,
)
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


def ask(kv: KvMachine, command: Command, time_ms: int = 0) -> Outcome:
    return decode_result(kv.apply(encode_command(command), time_ms))


def test_keys_go_with_their_lease_when_its_time_is_over_and_the_log_says_so() -> None:
    kv = KvMachine()
    told: list[Changes | None] = []
    kv.observer = told.append
    assert ask(kv, LeaseGrant(1000), 50) == Applied(0, 0, LeaseId(1), 1000)
    ask(kv, Txn((Put("a", b"", LeaseId(1)), Put("b", b"", LeaseId(1)), Put("c", b"")), REASON), 100)
    assert kv.due(1049) is None
    due = kv.due(1050)
    assert due is not None
    assert decode_result(kv.apply(due, 1049)) == Applied(1)
    assert kv.lease_ttl(LeaseId(1)) == 1
    assert decode_result(kv.apply(due, 1050)) == Applied(2, 2)
    assert [entry.key for entry in kv.range("").entries] == ["c"]
    assert isinstance(told[-1], Changes)
    assert (told[-1].reason.actor, len(told[-1].changes)) == ("store", 2)
    assert kv.lease_ttl(LeaseId(1)) is None
    assert kv.due(10**9) is None


def test_later_puts_take_keys_out_of_a_lease() -> None:
    kv = KvMachine()
    ask(kv, LeaseGrant(1000))
    ask(kv, LeaseGrant(5000))
    for _ in range(3):
        ask(kv, Txn((Put("k1", b"", LeaseId(1)), Put("k", b"", LeaseId(1))), REASON))
    do(kv, Put("k1", b"stays"))
    ask(kv, Txn((Put("k", b"", LeaseId(2)),), REASON))
    assert ask(kv, LeaseRevoke(LeaseId(1), REASON)) == Applied(3 + 2, 0)
    assert ask(kv, LeaseRevoke(LeaseId(2), REASON)) == Applied(6, 1)
    assert ask(kv, LeaseRevoke(LeaseId(2), REASON)) == Applied(6, 0)
    assert [entry.key for entry in kv.range("").entries] == ["k1"]


def test_a_put_under_a_lease_that_is_gone_changes_nothing() -> None:
    kv = KvMachine()
    txn = Txn((Put("a", b""), Put("b", b"", LeaseId(7))), REASON, request_id="r")
    first = ask(kv, txn)
    assert isinstance(first, Refused)
    assert (first.code, first.revision) == ("no_lease", 0)
    for _ in range(7):
        ask(kv, LeaseGrant(1000))
    assert ask(kv, txn) == first
    assert kv.get("a") is None


def test_leases_are_renewed_granted_once_and_within_bounds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kv = KvMachine()
    grant = LeaseGrant(1000, "g")
    assert ask(kv, grant) == ask(kv, grant) == Applied(0, 0, LeaseId(1), 1000)
    assert ask(kv, LeaseRenew(LeaseId(1)), 900) == Applied(0, 0, LeaseId(1), 1000)
    assert kv.due(1899) is None
    refused = ask(kv, LeaseRenew(LeaseId(2)))
    assert isinstance(refused, Refused)
    assert refused.code == "no_lease"
    for ttl_ms in (0, 99, 10**15):
        outcome = ask(kv, LeaseGrant(ttl_ms))
        assert isinstance(outcome, Refused)
        assert outcome.code == "ttl"
    monkeypatch.setattr(machine, "MAX_LEASES", 1)
    full = ask(kv, LeaseGrant(1000))
    assert isinstance(full, Refused)
    assert full.code == "full"


def test_one_expiry_deletes_a_bounded_number_of_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "MAX_LEASE_KEYS", 10)
    kv = KvMachine()
    for number in range(1, 4):
        ask(kv, LeaseGrant(1000))
        puts = tuple(Put(f"{number}/{n}", b"", LeaseId(number)) for n in range(6))
        ask(kv, Txn(puts, REASON))
    left = []
    while (due := kv.due(5000)) is not None:
        kv.apply(due, 5000)
        left.append(len(kv.range("").entries))
    assert left == [12, 6, 0]


def test_a_full_store_still_deletes(monkeypatch: pytest.MonkeyPatch) -> None:
    kv = KvMachine()
    do(kv, Put("a", bytes(500)))
    monkeypatch.setattr(state, "MAX_STATE_BYTES", 800)
    refused = do(kv, Put("b", b""))
    assert isinstance(refused, Refused)
    assert refused.code == "full"
    assert do(kv, Delete("a")) == Applied(2, deleted=1)
    assert do(kv, Put("b", b"")) == Applied(3)


def test_a_lease_holds_a_bounded_number_of_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "MAX_LEASE_KEYS", 2)
    kv = KvMachine()
    ask(kv, LeaseGrant(1000))
    for number in range(2):
        ask(kv, Txn((Put(f"{number}", b"", LeaseId(1)),), REASON))
    outcome = ask(kv, Txn((Put("more", b"", LeaseId(1)),), REASON))
    assert isinstance(outcome, Refused)
    assert outcome.code == "full"


def test_time_never_goes_back_nor_out_of_numbers() -> None:
    kv = KvMachine()
    ask(kv, Noop(), 70)
    ask(kv, Noop(), 60)
    assert kv.time_ms == 70
    kv.apply(b"", 2**64 - 1)
    ask(kv, LeaseGrant(10**10))
    again = KvMachine()
    again.restore(kv.snapshot())
    assert again.time_ms == machine.LAST_TIME_MS


def test_the_past_is_told_until_it_is_compacted() -> None:
    kv = KvMachine()
    do(kv, Put("a", b"1"), Put("b", b"1"))
    do(kv, Put("a", b"2"), Delete("b"))
    assert [e.value for e in kv.range("", revision=1).entries] == [b"1", b"1"]
    assert kv.range("", revision=0).entries == ()
    assert kv.range("", revision=2) == kv.range("")
    with pytest.raises(ValueError, match="still to come"):
        kv.range("", revision=3)
    page = kv.range("", revision=1, limit=1)
    assert ([e.key for e in page.entries], page.more) == (["a"], True)


def test_the_digest_follows_effects_only() -> None:
    kv, other = KvMachine(), KvMachine()
    do(kv, Put("a", b"1"))
    do(other, Put("a", b"1"))
    do(other, Delete("nothing"))
    ask(other, LeaseRenew(LeaseId(9)))
    assert kv.digest() == other.digest()
    do(other, Put("a", b"1"))
    assert kv.digest() != other.digest()
