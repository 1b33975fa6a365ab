"""The series of this node's router processes, as each says it is."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from aether.telemetry.exposition.series import Sample, Series, Source, Tell

SOURCE = "routers"

_ROUTER: dict[str, Any] = {"labels": ("router",), "most": 64}
_row = partial(Series, source=SOURCE)

ROWS: tuple[Series, ...] = (
    _row(
        kind="gauge",
        name="aether_router_up",
        help="Whether the router process answers.",
        **_ROUTER,
    ),
    _row(
        kind="gauge",
        name="aether_router_clients",
        help="Open connections of clients.",
        calm="it is zero between connections",
        **_ROUTER,
    ),
    _row(
        kind="counter",
        name="aether_router_refused_connections",
        help="Connections refused at a limit since the process began.",
        calm="no limit was reached",
        **_ROUTER,
    ),
    _row(
        kind="gauge",
        name="aether_router_table_revision",
        help="Revision of the store the routing table in use was made of.",
        **_ROUTER,
    ),
)  # fmt: skip
Health = Callable[[], Awaitable[Sequence[Mapping[str, Any]]]]
"""How each router process says it is; with `problem` where one does not answer."""
_VALUES = {
    "aether_router_clients": "clients",
    "aether_router_refused_connections": "refused",
    "aether_router_table_revision": "revision",
}


def routers_source(health: Health) -> Source:
    """Return the source."""

    async def look() -> Tell:
        workers = await health()
        return lambda: _told(workers)

    return Source(SOURCE, look)


def _told(workers: Sequence[Mapping[str, Any]]) -> Iterator[Sample]:
    for number, worker in enumerate(workers):
        labels = (str(number),)
        yield Sample("aether_router_up", labels, "problem" not in worker)
        for name, key in _VALUES.items():
            value = worker.get(key)
            if isinstance(value, int) and value >= 0:
                yield Sample(name, labels, value)
