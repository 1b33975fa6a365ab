import sqlite3
from pathlib import Path

import pytest

from aether.chronicle.database import (
    ASIDE,
    FILE,
    Unusable,
    is_damage,
    open_for_reading,
    open_for_writing,
    set_aside,
)


def test_a_file_is_made_once_and_opened_again(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "chronicle"
    open_for_writing(folder, "c-1").close()
    again = open_for_writing(folder, "c-1")
    assert again.execute("SELECT value FROM meta WHERE name = 'cluster'").fetchone() == ("c-1",)
    again.close()


def test_the_file_of_another_cluster_or_format_is_not_gone_on_with(tmp_path: Path) -> None:
    open_for_writing(tmp_path, "c-1").close()
    with pytest.raises(Unusable, match="its cluster is c-1, not c-2"):
        open_for_writing(tmp_path, "c-2")
    connection = open_for_writing(tmp_path, "c-1")
    connection.execute("UPDATE meta SET value = '9' WHERE name = 'format'")
    connection.close()
    with pytest.raises(Unusable, match="format is 9"):
        open_for_writing(tmp_path, "c-1")


def test_damage_is_noticed(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"this is no database at all" * 100)
    with pytest.raises(Unusable, match="damaged"):
        open_for_writing(tmp_path, "c-1")
    (tmp_path / FILE).unlink()
    other = sqlite3.connect(tmp_path / FILE)
    other.execute("CREATE TABLE t (x)")
    other.close()
    with pytest.raises(Unusable, match="not a chronicle"):
        open_for_writing(tmp_path, "c-1")


@pytest.mark.parametrize("place", [0, 20, 100, 4096, 9000, 20_000])
def test_no_damaged_byte_does_more_harm_than_beginning_anew(tmp_path: Path, place: int) -> None:
    connection = open_for_writing(tmp_path, "c-1")
    connection.executemany(
        "INSERT INTO changes (revision, key, value, created, version, lease) VALUES (?,?,?,0,0,0)",
        [(number, f"node/{number}", bytes(200)) for number in range(200)],
    )
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.close()
    data = bytearray((tmp_path / FILE).read_bytes())
    data[place : place + 64] = b"\xa5" * 64
    (tmp_path / FILE).write_bytes(data)
    try:
        opened = open_for_writing(tmp_path, "c-1")
    except Unusable:
        set_aside(tmp_path)
        opened = open_for_writing(tmp_path, "c-1")
    assert opened.execute("SELECT count(*) FROM meta").fetchone() == (4,)
    opened.close()


def test_one_file_that_could_not_be_used_is_kept(tmp_path: Path) -> None:
    for text in (b"first", b"second"):
        (tmp_path / FILE).write_bytes(text)
        (tmp_path / f"{FILE}-wal").write_bytes(text)
        assert set_aside(tmp_path) == tmp_path / ASIDE
    assert [path.name for path in tmp_path.iterdir()] == [ASIDE]
    assert (tmp_path / ASIDE).read_bytes() == b"second"
    set_aside(tmp_path)
    assert (tmp_path / ASIDE).read_bytes() == b"second"


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    open_for_writing(tmp_path, "c-1").close()
    reader = open_for_reading(tmp_path)
    with pytest.raises(sqlite3.OperationalError) as refused:
        reader.execute("DELETE FROM meta")
    assert not is_damage(refused.value)
    reader.close()
