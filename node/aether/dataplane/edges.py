"""Proxies at the edge that are not ours: each kept on the latest routing table, apart from our routers."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

import structlog

from aether.core.dataplane.table import Table

RETRY_S = 1.0
"""Pause before a proxy that is behind is told again."""

log = structlog.get_logger()


class Edge(Protocol):
    """One proxy."""

    @property
    def is_behind(self) -> bool:
        """Whether it is to be told again although the table stands still."""
        ...

    async def tell(self, table: Table) -> None:
        """Have the proxy go by the table; raises OSError when that cannot be done now."""
        ...


class Edges:
    """Tells every proxy the latest table; one that cannot be told is told again each second.

    A table that comes while a proxy is being told is told next, those between are skipped.
    """

    def __init__(self, edges: Sequence[Edge]) -> None:
        self._edges = tuple(edges)
        self._table: Table | None = None
        self._news = asyncio.Event()
        self._told: Table | None = None

    def publish(self, table: Table) -> None:
        """Make `table` the present one; nobody is told when only its revision differs."""
        before, self._table = self._table, table
        if before is None or not table.says_the_same(before):
            self._news.set()
        elif self._told is before:
            self._told = table

    @property
    def confirmed(self) -> int:
        """Revision of the table that every proxy goes by which can be told at all; -1 before the first."""
        return -1 if self._told is None else self._told.revision

    async def run(self) -> None:
        """Tell until cancelled."""
        failing = dict.fromkeys(self._edges, "")
        while True:
            await self._wait()
            table = self._table
            if table is None:
                continue
            for edge in self._edges:
                try:
                    await edge.tell(table)
                except OSError as problem:
                    said = str(problem) or type(problem).__name__
                    if failing[edge] != said:
                        log.warning("a proxy at the edge is not told", problem=said)
                    failing[edge] = said
                else:
                    failing[edge] = ""
            self._told = table if self._news.is_set() else self._table

    async def _wait(self) -> None:
        """Wait for a table, or for the time at which a proxy that is behind is told again."""
        patience = RETRY_S if any(edge.is_behind for edge in self._edges) else None
        try:
            async with asyncio.timeout(patience):
                await self._news.wait()
        except TimeoutError:
            return
        self._news.clear()
