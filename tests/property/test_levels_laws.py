"""Laws of levels: kept from look to look or read anew, a level is the same."""

from hypothesis import given
from hypothesis import strategies as st

from aether.core.model.reason import Reason
from aether.core.store.codec import encode_command
from aether.core.store.commands import Delete, DeletePrefix, Operation, Put, Range, Txn
from aether.core.store.machine import KvMachine
from aether.store.levels import Levels, MachineSource

REASON = Reason("test", "law", "because")
LEVELS = (("a/",), ("b/", "a/"), ("a/b", "a/", "c/"), ("",), (), ("b/1",))

names = st.sampled_from(["a/", "a/b", "a/b/1", "a/1", "b/1", "b/12", "b/2", "c/1", "d"])
operations = st.one_of(
    st.builds(Put, names, st.sampled_from([b"", b"1", b"2"])),
    st.builds(Delete, names),
    st.builds(DeletePrefix, st.sampled_from(["a/", "b/1", "c"])),
)
batches = st.lists(operations, min_size=1, max_size=5)
histories = st.lists(st.one_of(batches, st.just("replaced")), max_size=12)
wanted = st.lists(st.sampled_from(LEVELS), max_size=3)


def write(machine: KvMachine, batch: list[Operation]) -> None:
    machine.apply(encode_command(Txn(tuple(batch), REASON)), 0)


def read_anew(machine: KvMachine, prefixes: tuple[str, ...]) -> Range:
    """All under any of the prefixes, as plainly as can be said."""
    entries = machine.range("").entries
    return Range(machine.revision, tuple(one for one in entries if one.key.startswith(prefixes)))


def after(machine: KvMachine, step: list[Operation] | str) -> None:
    if isinstance(step, str):
        other = KvMachine()
        write(other, [Put("a/9", b"other"), Put("c/9", b"other")])
        machine.restore(other.snapshot())
    else:
        write(machine, step)


@given(histories, st.data())
def test_a_level_is_what_a_fresh_reading_gives(
    history: list[list[Operation] | str], data: st.DataObject
) -> None:
    machine = KvMachine()
    levels = Levels(MachineSource(machine))
    for step in history:
        after(machine, step)
        for prefixes in data.draw(wanted):
            assert levels.look(prefixes) == read_anew(machine, prefixes)


@given(histories)
def test_what_was_returned_never_changes(history: list[list[Operation] | str]) -> None:
    machine = KvMachine()
    levels = Levels(MachineSource(machine))
    kept = list[tuple[Range, Range]]()
    for step in history:
        after(machine, step)
        kept.append((levels.look(("a/", "b/")), read_anew(machine, ("a/", "b/"))))
    assert all(was == is_now for was, is_now in kept)


@given(histories, batches)
def test_entries_are_the_very_same_exactly_while_nothing_changed_below(
    history: list[list[Operation] | str], batch: list[Operation]
) -> None:
    machine = KvMachine()
    levels = Levels(MachineSource(machine))
    for step in history:
        after(machine, step)
    before = levels.look(("a/",))
    revision = machine.revision
    write(machine, batch)
    changed = any(
        change.key.startswith("a/")
        for changes in machine.changes_after(revision) or ()
        for change in changes.changes
    )
    now = levels.look(("a/",))
    assert (now.entries is before.entries) == (not changed)
