"""Laws of the mirror: whatever it is told, a level of it is what the store has, kept or read anew."""

from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

from aether.core.model.reason import Reason
from aether.core.store.codec import encode_command
from aether.core.store.commands import Delete, DeletePrefix, Operation, Put, Range, Txn
from aether.core.store.machine import KvMachine
from aether.store.remote import mirror as module
from aether.store.remote.mirror import LEFT_OUT, Mirror
from aether.store.watch import selected

REASON = Reason("test", "law", "because")
LEVELS = (("a/",), ("b/", "a/"), ("a/b", "a/", "c/"), (), ("b/1",), ("apple", "a/"))

names = st.sampled_from(["a/", "a/b", "a/b/1", "a/1", "b/1", "b/12", "c/1", "app/x", "apple"])
operations = st.one_of(
    st.builds(Put, names, st.sampled_from([b"", b"1", b"2"])),
    st.builds(Delete, names),
    st.builds(DeletePrefix, st.sampled_from(["a/", "b/1", "app/", "c"])),
)
batches = st.lists(operations, min_size=1, max_size=5)
histories = st.lists(st.one_of(batches, st.sampled_from(["snapshot", "read anew"])), max_size=12)
wanted = st.lists(st.sampled_from(LEVELS), max_size=3)
remembered = st.sampled_from([1, 3, module.MOST_CHANGED])
"""How many changed keys a mirror remembers."""


class Told:
    """A machine, and a mirror that is told of it as the store process tells."""

    def __init__(self) -> None:
        self.machine = KvMachine()
        self.mirror = Mirror()
        self.fill()

    def fill(self) -> None:
        entries = self.machine.range("").entries
        mirrored = (entry for entry in entries if not entry.key.startswith(LEFT_OUT))
        self.mirror.fill(self.machine.revision, mirrored)

    def write(self, batch: list[Operation]) -> None:
        before = self.machine.revision
        self.machine.apply(encode_command(Txn(tuple(batch), REASON)), 0)
        for changes in self.machine.changes_after(before) or ():
            mine = selected(changes, "", LEFT_OUT)
            if mine is not None:
                self.mirror.change(mine)
        self.mirror.reached(self.machine.revision)

    def step(self, step: list[Operation] | str) -> None:
        if not isinstance(step, str):
            self.write(step)
            return
        if step == "snapshot":
            leader = KvMachine()
            for number in range(self.machine.revision + 1):
                put = Put(f"c/{number % 2}", b"leader")
                leader.apply(encode_command(Txn((put,), REASON)), 0)
            self.machine.restore(leader.snapshot())
        self.fill()

    def as_stored(self, prefixes: tuple[str, ...]) -> Range:
        entries = self.machine.range("").entries
        mine = tuple(entry for entry in entries if entry.key.startswith(prefixes))
        return Range(self.machine.revision, mine)


@given(histories, remembered, st.data())
def test_a_level_is_what_the_store_has(
    history: list[list[Operation] | str], most: int, data: st.DataObject
) -> None:
    with mock.patch.object(module, "MOST_CHANGED", most):
        told = Told()
        for step in history:
            told.step(step)
            for prefixes in data.draw(wanted):
                assert told.mirror.level(prefixes) == told.as_stored(prefixes)
        assert told.mirror.level(("b/",)) == told.as_stored(("b/",))


@given(histories, remembered)
def test_what_was_returned_never_changes(history: list[list[Operation] | str], most: int) -> None:
    with mock.patch.object(module, "MOST_CHANGED", most):
        told = Told()
        kept = list[tuple[Range, Range]]()
        for step in history:
            told.step(step)
            kept.append((told.mirror.level(("a/", "b/")), told.as_stored(("a/", "b/"))))
        assert all(was == is_now for was, is_now in kept)


@given(histories, remembered, batches)
def test_entries_are_the_very_same_while_nothing_changed_below(
    history: list[list[Operation] | str], most: int, batch: list[Operation]
) -> None:
    with mock.patch.object(module, "MOST_CHANGED", most):
        told = Told()
        for step in history:
            told.step(step)
        before, revision = told.mirror.level(("a/",)), told.machine.revision
        told.write(batch)
        now = told.mirror.level(("a/",))
        changed = any(
            change.key.startswith("a/")
            for changes in told.machine.changes_after(revision) or ()
            for change in changes.changes
        )
        assert changed or now.entries is before.entries
        assert now == told.as_stored(("a/",))
        told.fill()
        assert told.mirror.level(("a/",)).entries is now.entries
