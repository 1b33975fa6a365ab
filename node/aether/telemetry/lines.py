"""Lines of the logs of a node's other processes, on their way to its collector.

A process says what it logged; which node, which kind of process and which slice that was is ours to say.
"""

from collections.abc import Iterator
from typing import Protocol

import msgspec

from aether.core.metrics.histogram import MOST_COUNT
from aether.logs.lines import Line, bounded

MOST_A_MESSAGE = 256
_MOST_NAME_CHARS = 512


class LinesTaker(Protocol):
    """Sends lines on; `telemetry.otlp.exporter.OtlpExporter` is one."""

    def offer_line(self, line: Line) -> None:
        """Have a line sent."""
        ...

    def note_lost_lines(self, count: int) -> None:
        """Count lines that came no farther than the process that wrote them."""
        ...


class NodeLines:
    """Of one node; lines come from its routers and its hosts."""

    def __init__(self, node: str) -> None:
        self._node = node
        self._taker: LinesTaker | None = None

    def send_to(self, taker: LinesTaker) -> None:
        """Have lines sent on; before, they are left where they are."""
        self._taker = taker

    def take_of_router(self, lines: object) -> None:
        """Take what a router of this node ships; raise ValueError when it is something else."""
        for line in _read(lines):
            name = str(line.fields.get("process", ""))
            process = name if name.startswith("router") else "router"
            self._offer(line, process=process)

    def take_of_host(self, lines: object, slice_base: str, instance: object) -> None:
        """Take what a host ships; it speaks for its slice. Raises ValueError when it is something else."""
        about = {"slice": slice_base}
        if isinstance(instance, str) and instance.startswith(f"{slice_base}:"):
            about["instance"] = instance[:_MOST_NAME_CHARS]
        for line in _read(lines):
            self._offer(line, process="host", **about)

    def note_dropped(self, count: object) -> None:
        """Count lines a process of this node lost; what is no such number is left aside."""
        if self._taker is not None and isinstance(count, int) and 0 < count <= MOST_COUNT:
            self._taker.note_lost_lines(int(count))

    def _offer(self, line: Line, **about: str) -> None:
        if self._taker is not None:
            self._taker.offer_line(bounded(line, {"node": self._node, **about}))


def _read(lines: object) -> Iterator[Line]:
    """Return lines that came off a link; raise ValueError when they are none."""
    read = msgspec.convert(lines, list[Line])
    if len(read) > MOST_A_MESSAGE:
        raise ValueError(f"{len(read)} lines in a message, {MOST_A_MESSAGE} at most")
    return iter(read)
