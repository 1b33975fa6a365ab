"""What is written down, what is not, and what a broken disk costs."""

import json
import random
from pathlib import Path

import pytest

from aether.core.model.ids import InstanceId, SliceBase
from aether.dataplane.access_log import (
    WAITING_LINES,
    Access,
    AccessLog,
    AccessLogSettings,
    TurningFile,
    line,
)

ACCESS = Access(
    time=1700000000.25,
    method="GET",
    path="/x",
    host="h",
    route="GET /{id}",
    slice=SliceBase("a.b:c"),
    version="1.0.0",
    instance=InstanceId("a.b:c:1.0.0/0"),
    status=200,
    bytes_in=1,
    bytes_out=2,
    seconds=0.0123456789,
    retries=1,
    trace_id="0af7651916cd43dd8448eb211c80319c",
    request_id="id-1",
    client="10.0.0.1",
)


class Rig:
    def __init__(self, path: Path, **settings: float) -> None:
        self.now = 100.0
        self.path = path
        self.log = AccessLog(
            path,
            AccessLogSettings(**settings),  # type: ignore[arg-type] # whole numbers are among them
            lambda: self.now,
            random.Random(1),
        )


def test_slow_and_failed_requests_are_always_wanted(tmp_path: Path) -> None:
    log = Rig(tmp_path / "a", sample=0.0).log
    wanted = [
        log.wants(status, seconds)
        for status, seconds in [(200, 0.9), (200, 1.0), (404, 0.0), (500, 0.0), (0, 0.0), (101, 0)]
    ]
    assert wanted == [False, True, True, True, True, False]


def test_a_share_of_the_others_is_wanted(tmp_path: Path) -> None:
    log = Rig(tmp_path / "a", sample=0.1, lines_per_s=10_000).log
    count = sum(log.wants(200, 0.0) for _ in range(10_000))
    assert 900 < count < 1100
    assert log.dropped == 0


def test_lines_a_second_are_bounded_and_dropped_ones_counted(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "a", sample=1.0, lines_per_s=3)
    assert [rig.log.wants(200, 0.0) for _ in range(5)] == [True] * 3 + [False] * 2
    rig.now += 0.99
    assert not rig.log.wants(500, 9.0)
    rig.now += 0.01
    assert rig.log.wants(200, 0.0)
    assert rig.log.counts() == {"written": 0, "dropped": 3, "failed": 0}


def test_what_waits_for_the_disk_is_bounded(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "a", lines_per_s=10 * WAITING_LINES)
    for _ in range(WAITING_LINES + 5):
        if rig.log.wants(500, 0.0):
            rig.log.add(ACCESS)
    assert rig.log.dropped == 5


def test_a_thread_writes_lines_of_json(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "logs" / "access.jsonl")
    rig.log.start()
    rig.log.add(ACCESS)
    rig.log.close()
    (only,) = rig.path.read_text().splitlines()
    assert json.loads(only) == {
        "time": "2023-11-14T22:13:20.250Z",
        "method": "GET",
        "path": "/x",
        "host": "h",
        "route": "GET /{id}",
        "slice": "a.b:c",
        "version": "1.0.0",
        "instance": "a.b:c:1.0.0/0",
        "status": 200,
        "bytes_in": 1,
        "bytes_out": 2,
        "seconds": 0.012346,
        "retries": 1,
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "request_id": "id-1",
        "client": "10.0.0.1",
    }
    assert rig.log.counts()["written"] == 1


@pytest.mark.parametrize("text", ['"}\n{"a": "b', "\x1b[2J\r\n", "\ud83d\ude00", "x" * 5000])
def test_no_value_ends_its_line(text: str) -> None:
    text = text.encode("utf-16", "surrogatepass").decode("utf-16")
    access = Access(
        **{**{name: getattr(ACCESS, name) for name in Access.__struct_fields__}, "path": text}
    )
    written = line(access)
    assert written.count(b"\n") == 1
    assert written.endswith(b"\n")
    assert b"\x1b" not in written
    assert json.loads(written)["path"] == text[:1024]


def test_files_turn_and_the_oldest_goes(tmp_path: Path) -> None:
    path = tmp_path / "access"
    file = TurningFile(path, 10, 3)
    for number in range(5):
        file.append([b"%d 3456789\n" % number])
    file.close()
    kept = {each.name: each.read_text()[0] for each in tmp_path.iterdir()}
    assert kept == {"access": "4", "access.1": "3", "access.2": "2"}


def test_one_file_begins_anew(tmp_path: Path) -> None:
    file = TurningFile(tmp_path / "access", 5, 1)
    for number in range(3):
        file.append([b"%d 45678\n" % number])
    file.close()
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {"access": "2 45678\n"}


def test_a_disk_that_takes_nothing_costs_lines_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken").write_text("")
    file = TurningFile(tmp_path / "taken" / "access", 10, 2)
    for _ in range(3):
        file.append([b"a\n", b"b\n"])
    assert (file.written, file.failed) == (0, 6)
    assert capsys.readouterr().out.count("cannot be written") == 1


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "access").symlink_to(tmp_path / "elsewhere")
    file = TurningFile(tmp_path / "access", 10, 2)
    file.append([b"a\n"])
    assert file.failed == 1
    assert not (tmp_path / "elsewhere").exists()
