"""The series of this node's own processes: the node, its store, its routers and its launcher."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from aether.telemetry.exposition.series import Sample, Series, Source, Tell

SOURCE = "processes"

_PROCESS: dict[str, Any] = {"labels": ("process",), "most": 67}
_row = partial(Series, source=SOURCE)

ROWS: tuple[Series, ...] = (
    _row(
        kind="counter",
        name="aether_process_cpu_seconds",
        help="Processor time used by a process of the node.",
        unit="seconds",
        **_PROCESS,
    ),
    _row(
        kind="gauge",
        name="aether_process_resident_memory_bytes",
        help="Memory a process of the node has in use.",
        unit="bytes",
        **_PROCESS,
    ),
    _row(
        kind="gauge",
        name="aether_process_open_files",
        help="Files and sockets a process of the node has open.",
        **_PROCESS,
    ),
    _row(
        kind="gauge",
        name="aether_process_threads",
        help="Threads of a process of the node.",
        **_PROCESS,
    ),
    _row(
        kind="gauge",
        name="aether_process_start_time_seconds",
        help="When a process of the node began, in seconds since 1970.",
        unit="seconds",
        **_PROCESS,
    ),
)  # fmt: skip
_NAMES = ("node", "store", "launcher")
_ROUTER = "router"


def processes_source(run: Path) -> Source:
    """Return the source; `run` is the directory in which each process names its pid."""

    async def look() -> Tell:
        return lambda: _told(run)

    return Source(SOURCE, look)


def _told(run: Path) -> Iterator[Sample]:
    for path in sorted(run.glob("*.pid")):
        name = path.name.removesuffix(".pid")
        if name in _NAMES or name.startswith(_ROUTER):
            try:
                yield from _process(name, psutil.Process(int(path.read_text().split()[0])))
            except (OSError, ValueError, IndexError, psutil.Error):
                continue  # it ended, or begins: the file will name another


def _process(name: str, process: psutil.Process) -> Iterator[Sample]:
    with process.oneshot():
        times, memory = process.cpu_times(), process.memory_info()
        fds, threads, began = process.num_fds(), process.num_threads(), process.create_time()
    labels = (name,)
    yield Sample("aether_process_cpu_seconds", labels, times.user + times.system)
    yield Sample("aether_process_resident_memory_bytes", labels, memory.rss)
    yield Sample("aether_process_open_files", labels, fds)
    yield Sample("aether_process_threads", labels, threads)
    yield Sample("aether_process_start_time_seconds", labels, began)
