import os
import subprocess
import sys
from pathlib import Path

from aether.host.pidfile import read_note, read_pid, write_pid


def test_a_living_process_is_found_with_its_note(tmp_path: Path) -> None:
    path = tmp_path / "x.pid"
    write_pid(path, os.getpid(), "org.example:a:1.0.0/0")
    assert read_pid(path) == os.getpid()
    assert read_note(path) == "org.example:a:1.0.0/0"
    assert path.read_text().split()[0] == str(os.getpid())


def test_a_pid_used_again_is_not_mistaken(tmp_path: Path) -> None:
    path = tmp_path / "x.pid"
    write_pid(path, os.getpid())
    pid, created = path.read_text().split()
    path.write_text(f"{pid} {float(created) - 5}\n")
    assert read_pid(path) is None


def test_a_dead_process_and_nonsense_are_nobody(tmp_path: Path) -> None:
    path = tmp_path / "x.pid"
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    write_pid(path, child.pid)
    assert read_pid(path) == child.pid
    child.communicate(b"\n")
    assert read_pid(path) is None
    for text in ("", "nonsense", "1", "x y"):
        path.write_text(text)
        assert read_pid(path) is None
    assert read_pid(tmp_path / "absent") is None
    assert read_note(tmp_path / "absent") == ""
