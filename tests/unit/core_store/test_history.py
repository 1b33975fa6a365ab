from aether.core.model.reason import Reason
from aether.core.store import history
from aether.core.store.commands import Change, Changes, Entry
from aether.core.store.history import History, under_prefix

REASON = Reason("test", "unit", "because")


def batch(revision: int, *keys: str, size: int = 0) -> Changes:
    changes = tuple(Change(k, Entry(k, bytes(size), revision, revision, 1)) for k in keys)
    return Changes(revision, REASON, changes)


def test_only_later_changes_are_shown() -> None:
    kept = History(compacted=3)
    kept.add(batch(4, "a"))
    kept.add(batch(5, "b"))
    assert [changes.revision for changes in kept.after(4)] == [5]
    assert [changes.revision for changes in kept.after(3)] == [4, 5]


def test_bytes_are_bounded() -> None:
    kept = History()
    for revision in range(1, 40):
        kept.add(batch(revision, "k", size=1024 * 1024))
    assert kept.compacted == 39 - (history.MAX_BYTES - 1) // (1024 * 1024)
    assert next(iter(kept.after(0))).revision == kept.compacted + 1


def test_a_batch_is_cut_to_the_prefix() -> None:
    whole = batch(1, "a/1", "a/2", "b/1")
    assert under_prefix(whole, "") is whole
    assert under_prefix(whole, "z") is None
    part = under_prefix(whole, "a/")
    assert part is not None
    assert [change.key for change in part.changes] == ["a/1", "a/2"]
    assert (part.revision, part.reason) == (1, REASON)
