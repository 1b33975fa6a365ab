"""Edges are told the latest table, and again when they could not be told."""

import asyncio

from aether.core.dataplane.table import Table
from aether.core.model.ids import NodeId
from aether.dataplane.edges import Edges
from aether.tasks import Tasks

WAIT_S = 10.0


class Told:
    """An edge that notes what it is told and fails as often as asked."""

    def __init__(self, failures: int = 0) -> None:
        self.tables: list[Table] = []
        self.failures = failures
        self.tries = 0
        self.news = asyncio.Event()
        self.is_behind = False

    async def tell(self, table: Table) -> None:
        self.tries += 1
        self.is_behind = self.tries <= self.failures
        if self.is_behind:
            raise ConnectionRefusedError("nobody there")
        self.tables.append(table)
        self.news.set()


def table(revision: int, zone: str = "") -> Table:
    return Table(revision=revision, node=NodeId("n"), zone=zone)


async def test_each_edge_is_told_and_one_that_fails_is_told_again_alone_of_news() -> None:
    well, ill = Told(), Told(failures=1)
    edges, tasks = Edges([ill, well]), Tasks()
    edges.publish(table(1))
    tasks.start("edges", edges.run())
    async with asyncio.timeout(WAIT_S):
        await ill.news.wait()
        assert edges.confirmed == 1
    await tasks.stop()
    assert ill.tries == 2
    assert well.tables[0] == table(1)


async def test_a_revision_alone_is_no_news() -> None:
    told = Told()
    edges, tasks = Edges([told]), Tasks()
    edges.publish(table(1))
    edges.publish(table(2))
    tasks.start("edges", edges.run())
    async with asyncio.timeout(WAIT_S):
        assert edges.confirmed == -1
        await told.news.wait()
        told.news.clear()
        edges.publish(table(3))
        assert edges.confirmed == 3
        edges.publish(table(4, zone="b"))
        assert edges.confirmed == 3
        await told.news.wait()
    await tasks.stop()
    assert edges.confirmed == 4
    assert [each.zone for each in told.tables] == ["", "b"]
    assert told.tables[0].revision == 2
