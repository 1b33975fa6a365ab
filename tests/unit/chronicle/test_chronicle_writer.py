from pathlib import Path

import pytest

from aether.chronicle.database import open_for_writing
from aether.chronicle.records import Bounds
from aether.chronicle.writer import Writer
from aether.core.model.reason import Reason
from aether.core.store.commands import Change, Changes, Entry, Range

DAY_MS = 24 * 3600 * 1000
NOW_MS = 1_700_000_000_000


def put(revision: int, key: str = "node/n-1", size: int = 10, at_ms: int = 0) -> Changes:
    entry = Entry(key, bytes(size), 1, revision, revision)
    return Changes(revision, Reason("a", "r", "t", {}, {}, at_ms), (Change(key, entry),))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def open_writer(folder: Path, **bounds: float) -> Writer:
    writer = Writer(open_for_writing(folder, "c-1"), Bounds(**bounds))  # type: ignore[arg-type] # whole numbers
    if not writer.has_base:
        writer.begin(Range(1, (Entry("node/n-1", b"0", 1, 1, 1),)), NOW_MS, "")
    return writer


def rows(writer: Writer, sql: str) -> list[tuple[object, ...]]:
    return list(writer._db.execute(sql))


def test_what_is_recorded_already_is_passed_over(folder: Path) -> None:
    writer = open_writer(folder)
    writer.record([put(2), put(3)], NOW_MS)
    writer.record([put(2), put(3), put(4)], NOW_MS)
    assert rows(writer, "SELECT revision FROM commits") == [(2,), (3,), (4,)]
    assert writer.seen == 4
    writer.close()
    again = open_writer(folder)
    assert again.seen == 4
    again.close()


def test_too_many_changes_let_the_oldest_go(folder: Path) -> None:
    writer = open_writer(folder, max_changes=160)
    for revision in range(2, 1000):
        writer.record([put(revision)], NOW_MS)
    ((kept,),) = rows(writer, "SELECT count(*) FROM changes")
    assert 150 <= int(str(kept)) <= 160
    assert rows(writer, "SELECT max(revision) FROM changes") == [(999,)]
    assert rows(writer, "SELECT count(*) FROM commits") == [(kept,)]
    assert rows(writer, "SELECT count(*) FROM subjects") == [(kept,)]
    writer.close()


def test_too_many_bytes_let_the_oldest_go(folder: Path) -> None:
    bound = 1024 * 1024
    writer = open_writer(folder, max_bytes=bound)
    for revision in range(2, 600):
        writer.record([put(revision, size=10_000)], NOW_MS)
        assert writer.used_bytes() <= bound
    ((kept,),) = rows(writer, "SELECT count(*) FROM changes")
    assert int(str(kept)) > 50
    assert (folder / "chronicle.db").stat().st_size <= 2 * bound
    writer.close()


def test_what_is_too_old_goes(folder: Path) -> None:
    writer = open_writer(folder, max_age_s=16 * 24 * 3600.0)
    for day in range(40):
        writer.record([put(day + 2)], NOW_MS + day * DAY_MS)
    ((first, last),) = rows(writer, "SELECT min(revision), max(revision) FROM commits")
    assert last == 41
    assert 22 <= int(str(first)) <= 26
    writer.close()


def test_time_does_not_go_back_nor_ahead_of_this_clock(folder: Path) -> None:
    writer = open_writer(folder)
    for revision, at_ms in ((2, NOW_MS + 50), (3, NOW_MS + 10), (4, NOW_MS + DAY_MS), (5, 0)):
        writer.record([put(revision, at_ms=at_ms)], NOW_MS + 100)
    times = rows(writer, "SELECT time_ms - 1700000000000, at_ms - 1700000000000 FROM commits")
    assert times == [(50, 50), (50, 10), (100, DAY_MS), (100, -NOW_MS)]
    writer.close()


def test_a_mad_clock_does_no_harm(folder: Path) -> None:
    writer = open_writer(folder)
    writer.record([put(2, at_ms=2**64 - 1), put(3, at_ms=-(2**63))], NOW_MS)
    assert rows(writer, "SELECT time_ms, at_ms FROM commits") == [(NOW_MS, 2**53), (NOW_MS, 0)]
    writer.close()


def test_a_gap_is_a_row_of_its_own(folder: Path) -> None:
    writer = open_writer(folder)
    writer.record([put(2)], NOW_MS + 5)
    writer.begin(Range(9, ()), NOW_MS + 50, "history is gone")
    gap = (2, 9, NOW_MS + 5, NOW_MS + 50, "history is gone")
    assert rows(writer, "SELECT * FROM gaps") == [gap]
    assert writer.seen == 9
    writer.begin(Range(9, ()), NOW_MS + 60, "nothing was missed")
    assert rows(writer, "SELECT * FROM gaps") == [gap]
    writer.close()
