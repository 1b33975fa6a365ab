import pytest

from aether.core.store.codec import encode_command
from aether.core.store.commands import Put, Txn
from aether.core.store.machine import KvMachine
from aether.errors import Conflict, Invalid, TooLarge
from aether.store.process.ranges import read_many, read_one
from aether.store.protocol import Get, List
from tests.integration.contracts.store import REASON, put


def machine_of(*keys: str) -> KvMachine:
    machine = KvMachine()
    for begin in range(0, len(keys), 500):
        operations = tuple(Put(key, b"v") for key in keys[begin : begin + 500])
        machine.apply(encode_command(Txn(operations, REASON)), 1)
    return machine


def keys_of(machine: KvMachine, asked: List) -> list[str]:
    return [entry.key for entry in read_many(machine, asked).entries]


def test_one_key_is_a_range_of_none_or_one() -> None:
    machine = machine_of("a")
    assert [e.key for e in read_one(machine, Get(1, 1, True, "a")).entries] == ["a"]
    assert read_one(machine, Get(1, 1, True, "b")).entries == ()
    with pytest.raises(Invalid):
        read_one(machine, Get(1, 1, True, ""))
    with pytest.raises(TooLarge):
        read_many(machine, List(1, 1, True, "é" * 600))


@pytest.mark.parametrize("others", [0, 1, 511, 512, 513, 1500])
def test_what_lies_under_a_prefix_is_left_out_however_much_it_is(others: int) -> None:
    machine = machine_of("a", "ap", *(f"app/{n:05}" for n in range(others)), "app0", "b", "z")
    assert keys_of(machine, List(1, 1, False, "", without="app/")) == ["a", "ap", "app0", "b", "z"]


def test_more_keys_than_a_page_around_what_is_left_out() -> None:
    around = [f"a/{n:05}" for n in range(1200)] + [f"b/{n:05}" for n in range(1200)]
    machine = machine_of(*around, *(f"app/{n}" for n in range(700)))
    assert keys_of(machine, List(1, 1, False, "", without="app/")) == sorted(around)


def test_nothing_is_left_when_all_is_left_out() -> None:
    machine = machine_of("app/1", "app/2")
    assert keys_of(machine, List(1, 1, False, "", without="app/")) == []
    highest = machine_of("\U0010ffff/1", "a")
    assert keys_of(highest, List(1, 1, False, "", without="\U0010ffff")) == ["a"]


def test_the_past_and_the_future() -> None:
    machine = machine_of("a")
    machine.apply(encode_command(put("b")), 1)
    assert keys_of(machine, List(1, 1, False, "", revision=1)) == ["a"]
    with pytest.raises(Invalid, match="still to come"):
        read_many(machine, List(1, 1, False, "", revision=3))
    restored = KvMachine()
    restored.restore(list(machine.snapshot()))
    with pytest.raises(Conflict) as gone:
        read_many(restored, List(1, 1, False, "", revision=1))
    assert gone.value.code == "compacted"
