"""The series of the management API: its calls on this node, by name and answer."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from aether.telemetry.exposition.series import Sample, Series, Source, Tell

SOURCE = "api"

_row = partial(Series, source=SOURCE, kind="counter")

ROWS: tuple[Series, ...] = (
    _row(
        name="aether_api_calls",
        help="Calls of the management API this node was asked, by name and status of the answer.",
        labels=("call", "status"),
        most=1000,
    ),
    _row(
        name="aether_api_call_seconds",
        help="Time between such calls and their answers, all together.",
        unit="seconds",
        labels=("call",),
        most=200,
    ),
)

Counts = Mapping[tuple[str, int], tuple[int, float]]
"""How many calls there were by name and status, and how many seconds they took."""


def calls_source(counts: Callable[[], Counts]) -> Source:
    """Return the source."""

    async def look() -> Tell:
        found = dict(counts())
        return lambda: _told(found)

    return Source(SOURCE, look)


def _told(counts: Counts) -> Iterator[Sample]:
    seconds: dict[str, float] = {}
    for (name, status), (count, taken_s) in sorted(counts.items()):
        yield Sample("aether_api_calls", (name, str(status)), count)
        seconds[name] = seconds.get(name, 0.0) + taken_s
    for name, taken_s in seconds.items():
        yield Sample("aether_api_call_seconds", (name,), taken_s)
