"""The series of this node's router processes, as each says it is."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any

from aether.telemetry.exposition.series import Sample, Source, Tell

SOURCE = "routers"
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
