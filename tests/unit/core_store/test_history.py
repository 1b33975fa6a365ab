import pytest

from aether.core.model.reason import Reason
from aether.core.store import history
from aether.core.store.commands import Change, Changes, Entry
from aether.core.store.history import History, HistoryGone

REASON = Reason("test", "unit", "because")


def batch(revision: int, *keys: str, size: int = 0) -> Changes:
    changes = tuple(Change(k, Entry(k, bytes(size), revision, revision, 1)) for k in keys)
    return Changes(revision, REASON, changes)


def filled(count: int, *, size: int = 0, every_ms: int = 0) -> History:
    kept = History()
    for revision in range(1, count + 1):
        kept.add(batch(revision, "k", size=size), (None,), revision * every_ms)
    return kept


def test_only_later_changes_are_shown() -> None:
    kept = History(compacted=3)
    kept.add(batch(4, "a"), (None,), 0)
    kept.add(batch(5, "b"), (None,), 0)
    assert [changes.revision for changes in kept.after(4)] == [5]
    assert [changes.revision for changes in kept.after(3)] == [4, 5]
    assert list(kept.after(5)) == []
    assert list(kept.after(9)) == []


def test_bytes_are_bounded() -> None:
    kept = filled(40, size=1024 * 1024)
    assert kept.bytes <= history.MAX_BYTES
    assert kept.compacted == 40 - history.MAX_BYTES // (1024 * 1024 + history.OVERHEAD_BYTES)
    assert next(iter(kept.after(kept.compacted))).revision == kept.compacted + 1


def test_what_is_too_large_alone_is_kept_alone() -> None:
    kept = filled(3)
    kept.add(batch(4, "k", size=history.MAX_BYTES + 1), (None,), 0)
    assert [changes.revision for changes in kept.after(3)] == [4]
    assert (len(kept), kept.compacted) == (1, 3)


def test_count_is_bounded_and_places_stay_right() -> None:
    count = history.MAX_BATCHES + 20_000
    kept = filled(count)
    assert len(kept) == history.MAX_BATCHES
    assert kept.compacted == 20_000
    assert [changes.revision for changes in kept.after(count - 3)] == [count - 2, count - 1, count]
    assert sum(1 for _ in kept.after(20_000)) == history.MAX_BATCHES


def test_age_is_bounded_by_cluster_time() -> None:
    kept = filled(10, every_ms=history.MAX_AGE_MS // 4)
    assert kept.compacted == 5
    assert [changes.revision for changes in kept.after(5)] == [6, 7, 8, 9, 10]


def test_later_changes_are_undone_newest_first() -> None:
    kept = History(compacted=7)
    old, new = Entry("a", b"old", 3, 3, 1), Entry("a", b"new", 3, 8, 2)
    kept.add(Changes(8, REASON, (Change("a", new), Change("b", None))), (old, old), 0)
    kept.add(Changes(9, REASON, (Change("a", None),)), (new,), 0)
    assert kept.undone(9) == {}
    assert kept.undone(8) == {"a": new}
    assert kept.undone(7) == {"a": old, "b": old}
    with pytest.raises(HistoryGone, match="begins with revision 7"):
        kept.undone(6)


def test_a_put_is_kept_like_a_batch_of_one() -> None:
    old, new = Entry("k", b"old", 1, 1, 1), Entry("k", b"newer", 1, 2, 2)
    batches, puts = History(compacted=1), History(compacted=1)
    batches.add(Changes(2, REASON, (Change("k", new),)), (old,), 5)
    puts.add_put(new, old, REASON, 5)
    assert list(puts.after(1)) == list(batches.after(1))
    assert puts.undone(1) == batches.undone(1) == {"k": old}
    assert puts.bytes == batches.bytes
