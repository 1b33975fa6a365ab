"""The newest entries in memory."""

from aether.core.raft.tail import ENTRY_BYTES, MOST_ENTRIES, Tail, fitting
from tests.raft_world import entry


def filled(*sizes: int) -> Tail:
    tail = Tail(1)
    for index, size in enumerate(sizes, 1):
        tail.append([entry(index, 1, bytes(size))])
    return tail


def test_fitting_takes_at_least_one() -> None:
    entries = [entry(i, 1, bytes(10)) for i in range(1, 6)]
    assert len(fitting(entries, 0)[0]) == 1
    assert len(fitting(entries, 25)[0]) == 2
    assert fitting(entries, 50) == (entries, 50)


def test_trimming_forgets_the_oldest_but_nothing_unsynced() -> None:
    tail = filled(*[100] * 20)
    tail.trim(1000, up_to=3)
    assert tail.first == 4
    tail.trim(1000, up_to=20)
    assert (tail.last, tail.bytes) == (20, 5 * (100 + ENTRY_BYTES))


def test_truncating_inside_a_batch_keeps_the_count_right() -> None:
    tail = Tail(1)
    tail.append([entry(i, 1, bytes(10)) for i in range(1, 6)])
    tail.truncate(4)
    assert (tail.last, tail.bytes) == (3, 3 * (10 + ENTRY_BYTES))
    tail.truncate(1)
    assert (tail.last, tail.bytes, tail.newest) == (0, 0, None)


def test_a_slice_is_bounded_by_count() -> None:
    tail = Tail(1)
    tail.append([entry(i, 1) for i in range(1, MOST_ENTRIES + 100)])
    assert len(tail.slice(1, tail.last)) == MOST_ENTRIES


def test_dropping_forgets_whole_batches() -> None:
    tail = filled(1, 1, 1)
    tail.drop_before(3)
    assert (tail.first, len(tail.since(3))) == (3, 1)
