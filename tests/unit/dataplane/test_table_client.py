"""The router's side of the table link, against the node's."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import pytest
from msgspec.structs import replace as replace_row

from aether.core.dataplane.fingerprint import fingerprint
from aether.core.dataplane.table import Endpoint, RouteRow, Table, to_plain
from aether.core.model.ids import InstanceId, NodeId, SliceBase
from aether.dataplane.feed import TableFeed
from aether.dataplane.streams import end_stream
from aether.dataplane.table_client import TableClient
from aether.dataplane.table_file import read_table
from aether.frames import read_frame, write_frame
from aether.tasks import Tasks

BASE = SliceBase("a:b")
POLL_S = 0.005
EMPTY = Table(revision=0, node=NodeId("n1"))


def table(revision: int, name: str = "x") -> Table:
    route = RouteRow(method="GET", pattern=f"/{name}", slice=BASE)
    return Table(revision=revision, node=NodeId("n1"), routes=(route,))


@pytest.fixture
async def folder() -> AsyncIterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="ae", dir="/tmp"))
    yield made
    shutil.rmtree(made)


@pytest.fixture
async def feed(folder: Path) -> AsyncIterator[TableFeed]:
    made = TableFeed(folder / "link")
    await made.start()
    yield made
    await made.stop()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - what is waited for happens on the other side
            await asyncio.sleep(POLL_S)


class Follower:
    """A table client, and what it put to use."""

    def __init__(self, folder: Path, current: Table = EMPTY) -> None:
        self.used: list[Table] = []
        self.file = folder / "router" / "table.json"
        self.client = TableClient(folder / "link", self.file, self.used.append, current)
        self.tasks = Tasks()

    async def __aenter__(self) -> Self:
        self.tasks.start("client", self.client.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.tasks.stop()


async def said_to(folder: Path, *messages: dict[str, Any]) -> list[Any]:
    """Play a node that says these to its router; return its hello and its answer to each."""
    heard: list[Any] = []
    ended = asyncio.Event()

    async def node(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await read_frame(reader))
        for message in messages:
            await write_frame(writer, message)
            heard.append(await read_frame(reader))
        await end_stream(writer)
        ended.set()

    server = await asyncio.start_unix_server(node, str(folder / "link"))
    async with asyncio.timeout(20):
        await ended.wait()
    server.close()
    return heard


async def test_client_uses_saves_and_confirms(folder: Path, feed: TableFeed) -> None:
    feed.publish(table(4))
    async with Follower(folder) as follower:
        await until(lambda: feed.using == {os.getpid(): 4})
        assert follower.used == [table(4)]
        await until(follower.file.exists)
        await until(lambda: read_table(follower.file) == table(4))


async def test_client_does_not_go_back_in_time(folder: Path, feed: TableFeed) -> None:
    async with Follower(folder, table(9)) as follower:
        feed.publish(table(5, "old"))
        await until(lambda: feed.confirmed == 9)
        assert follower.used == []
        feed.publish(table(10, "new"))
        await until(lambda: feed.confirmed == 10)
        assert follower.used == [table(10, "new")]


async def test_client_does_not_rebuild_for_a_revision_alone(folder: Path, feed: TableFeed) -> None:
    async with Follower(folder, table(1)) as follower:
        feed.publish(table(2))
        await until(lambda: feed.confirmed == 2)
        assert follower.used == []
        assert follower.client.revision == 2


async def test_client_comes_back_when_the_node_does(folder: Path, feed: TableFeed) -> None:
    feed.publish(table(1))
    async with Follower(folder) as follower:
        await until(lambda: feed.confirmed == 1)
        await feed.stop()
        again = TableFeed(folder / "link")
        await again.start()
        again.publish(table(2, "y"))
        await until(lambda: again.confirmed == 2)
        assert follower.used == [table(1), table(2, "y")]
        await again.stop()


async def test_client_takes_changes_and_keeps_what_did_not_change(
    folder: Path, feed: TableFeed
) -> None:
    routes = tuple(RouteRow(method="GET", pattern=f"/{n}", slice=BASE) for n in range(9))
    first = Table(revision=1, node=NodeId("n1"), routes=routes)
    async with Follower(folder) as follower:
        feed.publish(first)
        await until(lambda: feed.confirmed == 1)
        for revision in range(2, 9):
            changed = replace_row(routes[revision], timeout_s=1.0)
            rows = (*routes[:revision], changed, *routes[revision + 1 :])
            feed.publish(replace(first, revision=revision, routes=rows))
            await until(lambda: feed.confirmed == revision)  # noqa: B023 - called before the next turn
    last = follower.used[-1]
    assert last == replace(
        first, revision=8, routes=(*routes[:8], replace_row(routes[8], timeout_s=1.0))
    )
    assert last.routes[0] is follower.used[0].routes[0]


async def test_client_that_drifted_asks_for_the_whole_table(folder: Path) -> None:
    drop = {"routes": [["", "GET", "/x"]]}
    async with Follower(folder, table(1)) as follower:
        heard = await said_to(
            folder,
            {"op": "delta", "from": 1, "revision": 9, "drop": drop, "fingerprint": 1},
            {"op": "delta", "from": 8, "revision": 9, "drop": drop, "fingerprint": 1},
            {"op": "revision", "revision": 9, "fingerprint": 1},
            {"op": "delta", "from": 1, "revision": 9, "drop": {"routes": 3}, "fingerprint": 1},
            {"op": "delta", "from": 1, "revision": 9},
            {"op": "table", "table": to_plain(table(9, "y"))},
        )
    assert heard[0]["fingerprint"] == fingerprint(table(1))
    ops = ["hello", "whole", "whole", "whole", "refused", "error", "using"]
    assert [each["op"] for each in heard] == ops
    assert follower.used == [table(9, "y")]


async def test_the_last_table_is_saved_before_the_end(folder: Path, feed: TableFeed) -> None:
    async with Follower(folder) as follower:
        for revision in range(1, 6):
            feed.publish(table(revision, f"x{revision}"))
            await until(lambda: feed.confirmed == revision)  # noqa: B023 - called before the next turn
    assert read_table(follower.file) == table(5, "x5")


async def test_client_refuses_a_bad_table_and_keeps_the_last_good_one(folder: Path) -> None:
    endpoint = Endpoint(instance=InstanceId("a:b:1.0.0/0"), slice=BASE, node=NodeId("n1"))
    lost = Table(revision=8, node=NodeId("n1"), instances=(endpoint,))
    async with Follower(folder, table(1)) as follower:
        _, *answers = await said_to(
            folder,
            {"op": "table", "table": {"revision": "x"}},
            {"op": "table", "table": to_plain(lost)},
            {"op": "what"},
        )
    assert [each["op"] for each in answers] == ["refused", "refused", "error"]
    assert "socket or a mesh" in answers[1]["problems"][0]
    assert follower.used == []
    assert follower.client.revision == 1
