from pathlib import Path

from aether.host.hostlog import bound_log, tail


def test_a_log_over_its_limit_is_moved_aside_under_its_writer(tmp_path: Path) -> None:
    path = tmp_path / "h.log"
    with path.open("ab", buffering=0) as writer:
        writer.write(b"x" * 100)
        assert not bound_log(path, limit=100)
        writer.write(b"y")
        assert bound_log(path, limit=100)
        assert path.stat().st_size == 0
        writer.write(b"after")
    assert path.read_bytes() == b"after"
    assert (tmp_path / "h.log.1").read_bytes() == b"x" * 100 + b"y"
    assert not bound_log(tmp_path / "absent")


def test_the_tail_begins_with_a_whole_line(tmp_path: Path) -> None:
    path = tmp_path / "h.log"
    path.write_text("first line\nsecond line\nthird\n")
    assert tail(path) == "first line\nsecond line\nthird"
    assert tail(path, 15) == "third"
    assert tail(tmp_path / "absent") == ""
