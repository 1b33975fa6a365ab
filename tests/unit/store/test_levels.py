"""Looks at the store: what nothing has changed under is what was returned before."""

import pytest

from aether.core.model.reason import Reason
from aether.core.store.codec import encode_command
from aether.core.store.commands import Delete, Operation, Put, Txn
from aether.core.store.machine import KvMachine
from aether.errors import TooLarge
from aether.store.levels import MOST_BEHIND, MOST_LEVELS, Levels, MachineSource

REASON = Reason("test", "unit", "because")


def write(machine: KvMachine, *operations: Operation) -> None:
    machine.apply(encode_command(Txn(operations, REASON)), 0)


def keys_of(levels: Levels, *prefixes: str) -> list[str]:
    return [entry.key for entry in levels.look(prefixes).entries]


def test_while_nothing_changes_under_the_prefixes_the_entries_are_the_very_same() -> None:
    machine = KvMachine()
    levels = Levels(MachineSource(machine))
    write(machine, Put("a/1", b"1"), Put("b/1", b"1"))
    before = levels.look(("a/",))
    assert levels.look(["a/"]) is before
    write(machine, Put("b/1", b"2"))
    after = levels.look(("a/",))
    assert (before.revision, after.revision) == (1, 2)
    assert after.entries is before.entries


def test_what_is_put_written_anew_and_deleted_shows_in_order() -> None:
    machine = KvMachine()
    levels = Levels(MachineSource(machine))
    write(machine, Put("a/2", b""), Put("c/1", b""), Put("b/1", b""))
    assert keys_of(levels, "c/", "a/", "a/2") == ["a/2", "c/1"]
    write(machine, Put("a/3", b""), Put("a/1", b""), Put("a/2", b"anew"), Delete("c/1"))
    assert keys_of(levels, "c/", "a/", "a/2") == ["a/1", "a/2", "a/3"]
    assert levels.look(("c/", "a/", "a/2")).entries[1].value == b"anew"
    write(machine, Delete("a/1"), Delete("a/2"), Delete("a/3"))
    assert keys_of(levels, "c/", "a/", "a/2") == []


def test_a_state_that_was_replaced_is_read_anew_even_at_the_same_revision() -> None:
    machine, other = KvMachine(), KvMachine()
    levels = Levels(MachineSource(machine))
    write(machine, Put("a/1", b""))
    assert keys_of(levels, "a/") == ["a/1"]
    write(other, Put("a/2", b""))
    machine.restore(other.snapshot())
    assert keys_of(levels, "a/") == ["a/2"]
    machine.restore(KvMachine().snapshot())
    assert keys_of(levels, "a/") == []


def test_a_level_that_is_far_behind_is_read_anew() -> None:
    machine = KvMachine()
    levels = Levels(MachineSource(machine))
    assert keys_of(levels, "a/") == []
    for number in range(MOST_BEHIND + 10):
        write(machine, Put(f"a/{number % 7}", b""))
    assert keys_of(levels, "a/") == [f"a/{number}" for number in range(7)]


def test_as_many_levels_are_kept_as_may_be_and_the_ones_in_use_stay() -> None:
    machine = KvMachine()
    levels = Levels(MachineSource(machine))
    write(machine, Put("a/1", b""))
    used = levels.look(("a/",))
    for number in range(3 * MOST_LEVELS):
        levels.look((f"b/{number}",))
        assert levels.look(("a/",)) is used
    assert len(levels) == MOST_LEVELS


def test_a_prefix_that_cannot_be_is_refused_and_not_kept() -> None:
    levels = Levels(MachineSource(KvMachine()))
    for _ in range(2):
        with pytest.raises(TooLarge, match="prefix"):
            levels.look(("a/", "x" * 5000))
    assert len(levels) == 0
