import pytest

from aether.core.raft.entries import COMMAND, Entry
from aether.store.disk.errors import LogDamaged
from aether.store.disk.records import Run, runs, seal
from aether.store.disk.segments import HEAD_BYTES, Segment, head, segment_name, segment_number
from tests.crash_disk import CrashDisk


def test_a_name_tells_the_number_and_nothing_else_is_a_segment() -> None:
    assert segment_number(segment_name(300)) == 300
    for name in ("log-next", "log-1.seg", segment_name(1) + ".damaged", "snap-1-1", ""):
        assert segment_number(name) is None


def segment(*batches: list[Entry]) -> Segment:
    data = head(3)
    for serial, batch in enumerate(batches, 1):
        for run in runs(batch, 1 << 20):
            data += seal(run, 3, len(data), serial, 0)
    file = CrashDisk().open("a", create=True)
    file.write_at(0, data + bytes(100))
    return Segment(3, file, len(data), len(data) + 100)


def entries(first: int, last: int, size: int = 10) -> list[Entry]:
    return [Entry(index, 1, COMMAND, 0, b"x" * size) for index in range(first, last + 1)]


def test_records_larger_than_what_is_read_at_once_are_found() -> None:
    found = segment(entries(1, 3), entries(4, 6, 90_000), entries(7, 9))
    assert [entry.index for entry in found.read_entries(HEAD_BYTES, 2, 9)] == [2, 3, 4, 5, 6, 7, 8]
    assert found.used() == found.end


def test_a_read_that_meets_damage_says_so_and_gives_nothing_wrong() -> None:
    found = segment(entries(1, 3), entries(4, 6))
    found.file.write_at(found.end - 3, b"?")
    with pytest.raises(LogDamaged, match="cannot be read"):
        list(found.read_entries(HEAD_BYTES, 4, 7))


def test_a_record_whose_head_lies_about_its_entries_is_damage() -> None:
    lie = Run(1, 1, 5, 0, runs(entries(1, 3), 1 << 20)[0].payload)
    data = head(3) + seal(lie, 3, HEAD_BYTES, 1, 0)
    file = CrashDisk().open("a", create=True)
    file.write_at(0, data)
    with pytest.raises(LogDamaged, match="announces"):
        list(Segment(3, file, len(data), len(data)).read_entries(HEAD_BYTES, 1, 6))


def test_a_batch_is_cut_where_the_term_changes_and_where_it_grows_too_large() -> None:
    batch = [*entries(1, 5), Entry(6, 2, COMMAND, 0, b"")]
    assert [(run.first, run.entry_count, run.term) for run in runs(batch, 25)] == [
        (1, 2, 1),
        (3, 2, 1),
        (5, 1, 1),
        (6, 1, 2),
    ]
