import os
from pathlib import Path

import psutil

from aether.store.process.pids import write_own_pid


def test_the_start_is_the_one_others_see(tmp_path: Path) -> None:
    write_own_pid(tmp_path / "store.pid")
    pid, started = (tmp_path / "store.pid").read_text().split()
    assert int(pid) == os.getpid()
    assert abs(float(started) - psutil.Process().create_time()) < 0.02
