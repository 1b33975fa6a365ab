import asyncio
import gc

import pytest

from aether.core.model.reason import Reason
from aether.core.store.codec import encode_command
from aether.core.store.commands import Put, Txn
from aether.core.store.machine import KvMachine
from aether.errors import Conflict
from aether.store.watch import MAX_WAITING, Watchers

REASON = Reason("test", "unit", "because")


def put(machine: KvMachine, key: str) -> None:
    machine.apply(encode_command(Txn((Put(key, b""),), REASON)), 0)


async def test_changes_made_before_the_first_look_are_not_missed() -> None:
    machine = KvMachine()
    watch = Watchers(machine).open("a/", None)
    put(machine, "a/1")
    put(machine, "b/1")
    put(machine, "a/2")
    assert [(await anext(watch)).revision for _ in range(2)] == [1, 3]


async def test_a_member_behind_the_revision_asked_for_tells_only_what_comes_after_it() -> None:
    machine = KvMachine()
    watch = Watchers(machine).open("", 2)
    for key in ("a", "b", "c"):
        put(machine, key)
    assert [change.key for change in (await anext(watch)).changes] == ["c"]


async def test_a_waiting_watcher_wakes() -> None:
    machine = KvMachine()
    watch = Watchers(machine).open("", None)
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        waiting = group.create_task(anext(watch))
        await asyncio.sleep(0)
        put(machine, "k")
    assert waiting.result().changes[0].key == "k"


async def test_a_full_queue_is_cut_off() -> None:
    machine = KvMachine()
    watch = Watchers(machine).open("", None)
    for _ in range(MAX_WAITING + 1):
        put(machine, "k")
    with pytest.raises(Conflict, match="behind"):
        await anext(watch)


async def test_a_replaced_state_cuts_off() -> None:
    machine = KvMachine()
    watch = Watchers(machine).open("", None)
    machine.restore(KvMachine().snapshot())
    with pytest.raises(Conflict, match="snapshot"):
        await anext(watch)
    with pytest.raises(Conflict) as gone:
        Watchers(machine).open("", -1)
    assert gone.value.code == "compacted"


async def test_closed_watches_end_and_forgotten_ones_cost_nothing() -> None:
    machine = KvMachine()
    watchers = Watchers(machine)
    watch, closed = watchers.open("", None), watchers.open("", None)
    await closed.aclose()
    assert [changes async for changes in closed] == []
    watchers.close()
    assert [changes async for changes in watch] == []
    watchers.open("", None)
    gc.collect()
    assert len(watchers._watches) == 0


async def test_watchers_hear_of_a_change_in_the_order_in_which_they_began_to_watch() -> None:
    machine, told = KvMachine(), list[int]()
    watchers = Watchers(machine)
    watches = [watchers.open("a/", None) for _ in range(20)]
    for number, watch in enumerate(watches):
        watch.cut_off = lambda _, number=number: told.append(number)  # type: ignore[method-assign,misc]
    machine.restore(KvMachine().snapshot())
    assert told == list(range(20))


async def test_of_many_changes_each_watcher_is_told_its_own() -> None:
    machine = KvMachine()
    watchers = Watchers(machine)
    prefixes = {"a/": "", "b/": "", "": "a/", "c/": ""}
    watches = [watchers.open(prefix, None, without=not_) for prefix, not_ in prefixes.items()]
    machine.apply(
        encode_command(Txn((Put("a/1", b""), Put("b/1", b""), Put("b/2", b"")), REASON)), 0
    )
    for watch in watches:
        watch.end()
    found = [
        [change.key for changes in [c async for c in watch] for change in changes.changes]
        for watch in watches
    ]
    assert found == [["a/1"], ["b/1", "b/2"], ["b/1", "b/2"], []]
    assert [watch.seen for watch in watches] == [1, 1, 1, 1]
