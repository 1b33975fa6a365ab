"""The saved table: whole or not at all."""

from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from aether.core.dataplane.table import Endpoint, RouteRow, Table
from aether.core.model.ids import InstanceId, NodeId, SliceBase
from aether.dataplane.table_file import read_table, write_table

BASE = SliceBase("a:b")
TABLE = Table(
    revision=3,
    node=NodeId("n1"),
    routes=(RouteRow(method="GET", pattern="/é", slice=BASE),),
    instances=(
        Endpoint(instance=InstanceId("a:b:1.0.0/0"), slice=BASE, node=NodeId("n1"), socket="/s"),
    ),
)


def test_comes_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "router" / "table.json"
    assert read_table(path) is None
    write_table(path, TABLE)
    assert read_table(path) == TABLE
    write_table(path, Table(revision=4, node=NodeId("n1")))
    assert read_table(path) == Table(revision=4, node=NodeId("n1"))
    assert sorted(each.name for each in path.parent.iterdir()) == ["table.json", "table.json.1"]


def test_any_damage_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    write_table(path, TABLE)
    content = path.read_bytes()
    for place in range(0, len(content), 3):
        damaged = bytearray(content)
        damaged[place] ^= 1
        path.write_bytes(damaged)
        assert read_table(path) is None, f"byte {place}"
    for size in range(0, len(content), 7):
        path.write_bytes(content[:size])
        assert read_table(path) is None, f"cut at {size}"


def test_damage_to_the_newest_leaves_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    later = replace(TABLE, revision=4)
    write_table(path, TABLE)
    write_table(path, later)
    assert read_table(path) == later
    path.write_bytes(path.read_bytes()[:50])
    assert read_table(path) == TABLE
    write_table(
        path, replace(TABLE, revision=5)
    )  # must not push the good one out with the torn one
    path.write_bytes(b"")
    assert read_table(path) == TABLE
    path.unlink()
    assert read_table(path) == TABLE


def test_the_same_table_is_not_written_again(tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    write_table(path, TABLE)
    write_table(path, replace(TABLE, revision=4))
    written = path.stat()
    write_table(path, replace(TABLE, revision=4))
    assert path.stat().st_ino == written.st_ino
    path.unlink()
    assert read_table(path) == TABLE


def test_a_file_without_a_format_is_one_of_the_first_releases(tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    write_table(path, TABLE)
    content = path.read_bytes()
    assert content.startswith(b'{"format":1,')
    path.write_bytes(content.replace(b'"format":1,', b"", 1))
    assert read_table(path) == TABLE


def test_an_unknown_format_is_named_and_put_aside(tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    write_table(path, TABLE)
    other = path.read_bytes().replace(b'"format":1,', b'"format":7,', 1)
    path.write_bytes(other)
    with capture_logs() as logs:
        assert read_table(path) is None
    assert "format 7" in logs[0]["problem"]
    write_table(path, TABLE)
    assert read_table(path) == TABLE
    assert (tmp_path / "table.json.format-7").read_bytes() == other


def test_a_table_that_contradicts_itself_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    write_table(path, Table(revision=3, node=NodeId("n1"), routes=TABLE.routes * 2))
    assert read_table(path) is None


def test_a_folder_in_its_place_is_no_table(tmp_path: Path) -> None:
    assert read_table(tmp_path) is None


def test_a_failed_write_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError):  # noqa: PT011 - which one depends on the system
        write_table(tmp_path / "file" / "table.json", TABLE)
