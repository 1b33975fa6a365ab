"""The processes that name their pids below `run/` become series."""

import os
from pathlib import Path

from aether.telemetry.exposition.processes import processes_source
from tests.exposition_world import told


async def test_processes_that_live_are_told(tmp_path: Path) -> None:
    (tmp_path / "node.pid").write_text(f"{os.getpid()} 1.0")
    (tmp_path / "router-1.pid").write_text(f"{os.getpid()} 1.0")
    (tmp_path / "store.pid").write_text("999999999 1.0")
    (tmp_path / "launcher.pid").write_text("nonsense")
    (tmp_path / "i-1234.pid").write_text(f"{os.getpid()} 1.0")
    values = await told(processes_source(tmp_path))
    for name in (
        "aether_process_cpu_seconds",
        "aether_process_resident_memory_bytes",
        "aether_process_open_files",
        "aether_process_threads",
        "aether_process_start_time_seconds",
    ):
        assert set(values[name]) == {("node",), ("router-1",)}
        assert all(isinstance(value, float | int) and value > 0 for value in values[name].values())
