"""Members that differ are told apart at the place where they do."""

from collections import Counter

from aether.core.model.reason import Reason
from aether.core.store.codec import encode_command
from aether.core.store.commands import Put, Txn
from aether_forge.sim.raft.watched import Ledger, WatchedMachine

REASON = Reason("test:watched", "rule", "text")


def ledger() -> Ledger:
    return Ledger([], Counter())


def put(value: str, request_id: str = "") -> bytes:
    return encode_command(Txn((Put("k", value.encode()),), REASON, request_id=request_id))


def test_equal_logs_are_fine_and_snapshots_carry_the_place_on() -> None:
    book = ledger()
    first, second, third = (WatchedMachine(book, name) for name in "abc")
    for number in range(5):
        first.apply(put(f"{number}"), number)
        second.apply(put(f"{number}"), number)
    restoring = third.restoring()
    for part in first.snapshot():
        restoring.feed(part)
    restoring.finish()
    assert list(second.snapshot())
    for machine in (first, third):
        machine.apply(put("last"), 9)
    assert (third.place, third.restored) == (6, True)
    assert book.violations == []
    assert book.counts["snapshot taken"] == 2


def test_another_command_in_a_place_is_a_violation() -> None:
    book = ledger()
    WatchedMachine(book, "a").apply(put("1"), 1)
    WatchedMachine(book, "b").apply(put("2"), 1)
    assert "a committed entry changed" in book.violations[0]


def test_another_time_in_a_place_is_a_violation() -> None:
    book = ledger()
    WatchedMachine(book, "a").apply(put("1"), 1)
    WatchedMachine(book, "b").apply(put("1"), 2)
    assert "a committed entry changed" in book.violations[0]


def test_a_command_that_takes_effect_twice_is_a_violation() -> None:
    book = ledger()
    machine = WatchedMachine(book, "a")
    machine.apply(put("1"), 1)
    machine.apply(put("1"), 2)
    assert "took effect twice" in book.violations[0]


def test_a_request_id_is_answered_from_memory() -> None:
    book = ledger()
    machine = WatchedMachine(book, "a")
    assert machine.apply(put("1", "id"), 1) == machine.apply(put("1", "id"), 2)
    assert book.violations == []
    assert book.counts["request id answered from memory"] == 1


def test_a_state_that_differs_after_equal_commands_is_a_violation() -> None:
    book = ledger()
    first, second = WatchedMachine(book, "a"), WatchedMachine(book, "b")
    second.inner.apply(put("secretly"), 0)
    first.apply(put("1"), 1)
    second.apply(put("1"), 1)
    assert any("differs from others after place 0" in one for one in book.violations)
