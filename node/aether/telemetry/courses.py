"""The history of all metrics on one node: two hours, in memory, bounded.

Nodes, slices and the cluster are kept by the second, by ten and by the minute; instances, of which
there are many and which come and go, by ten seconds and by the minute.
"""

from collections.abc import Callable, Iterable

from aether.core.metrics.catalogue import CATALOGUE
from aether.core.metrics.windows import STEPS_S, Block, Windows
from aether.core.metrics.work import Work

Point = tuple[float, float]
"""Seconds ago, and value."""

INSTANCE_EVERY = 10
_OF_INSTANCES = "instance."
MOST_INSTANCE_BYTES = 32 * 1024 * 1024


def is_worst(metric: str) -> bool:
    """Whether the worst of a metric's values stands for them, and not their mean."""
    row = CATALOGUE.get(metric)
    return row is not None and row.over == "worst"


class Courses:
    """Keeps the values of each second."""

    def __init__(self) -> None:
        self._windows = Windows(is_worst)
        self._instances = Windows(is_worst, steps_s=STEPS_S[1:], most_bytes=MOST_INSTANCE_BYTES)
        self._instances_at: float | None = None

    @property
    def bytes(self) -> int:
        """Memory of all values kept."""
        return self._windows.bytes + self._instances.bytes

    @property
    def refused(self) -> int:
        """Values not kept because there were too many series."""
        return self._windows.refused + self._instances.refused

    def keeping(
        self, now: float, blocks: Iterable[Block], instances: Callable[[], Iterable[Block]] = tuple
    ) -> Work[None]:
        """Keep a second's values piece by piece; those of instances are asked for when ten seconds are over.

        Nobody sees any of them before it ends. Only one second may be under way at a time.
        """
        asks = self._instances_at is None or now - self._instances_at >= INSTANCE_EVERY - 0.5
        keep = yield from self._windows.adding(now, blocks)
        if asks:
            keep_instances = yield from self._instances.adding(now, instances())
            keep_instances()
            self._instances_at = now
        keep()

    def history(
        self, metric: str, subject: str, range_s: float, step_s: int, now: float
    ) -> list[Point]:
        """Return (seconds ago, value), the oldest first; raise ValueError for a step there is not."""
        windows = self._instances if metric.startswith(_OF_INSTANCES) else self._windows
        course = windows.course((metric, subject), range_s, step_s)
        return [(max(now - second, 0.0), value) for second, value in course]
