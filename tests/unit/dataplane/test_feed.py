"""The table link: both sides of it, and a router that misbehaves."""

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from aether.core.dataplane.fingerprint import fingerprint
from aether.core.dataplane.table import RouteRow, Table, to_plain
from aether.core.model.ids import NodeId, SliceBase
from aether.dataplane.feed import TableFeed
from aether.dataplane.streams import end_stream
from aether.frames import read_frame, write_frame

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


@contextlib.asynccontextmanager
async def link(folder: Path, hello: object = None) -> AsyncIterator["Link"]:
    reader, writer = await asyncio.open_unix_connection(str(folder / "link"))
    await write_frame(writer, hello or {"op": "hello", "pid": 77})
    try:
        yield Link(reader, writer)
    finally:
        await end_stream(writer)


class Link:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def hear(self) -> Any:
        async with asyncio.timeout(5):
            return await read_frame(self.reader)

    async def say(self, message: object) -> None:
        await write_frame(self.writer, message)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - what is waited for happens on the other side
            await asyncio.sleep(POLL_S)


async def test_newcomer_gets_the_present_table_and_then_each_newer(
    folder: Path, feed: TableFeed
) -> None:
    feed.publish(table(1))
    async with link(folder) as one:
        message = await one.hear()
        assert message.pop("fingerprint") == fingerprint(table(1))
        assert message == {"op": "table", "table": to_plain(table(1))}
        assert feed.using == {77: -1}
        await one.say({"op": "using", "revision": 1})
        await until(lambda: feed.confirmed == 1)
        feed.publish(table(2))
        assert (await one.hear())["table"]["revision"] == 2
        async with link(folder, {"op": "hello", "pid": 78}) as two:
            assert (await two.hear())["table"]["revision"] == 2
            await until(lambda: feed.using == {77: 1, 78: -1})
            assert feed.confirmed == -1
    await until(lambda: feed.confirmed is None)


async def test_equal_table_is_not_sent_again(folder: Path, feed: TableFeed) -> None:
    feed.publish(table(1))
    async with link(folder) as one:
        assert (await one.hear())["table"]["revision"] == 1
        feed.publish(table(1))
        feed.publish(table(2))
        assert (await one.hear())["table"]["revision"] == 2


async def test_tables_in_between_are_skipped(folder: Path, feed: TableFeed) -> None:
    async with link(folder) as one:
        await until(lambda: feed.using)
        for revision in range(1, 50):
            feed.publish(table(revision))
        assert (await one.hear())["table"]["revision"] == 49


async def test_contradicting_table_is_not_published(feed: TableFeed) -> None:
    broken = Table(revision=1, node=NodeId("n1"), routes=table(1).routes * 2)
    with pytest.raises(ValueError, match="matches the same paths"):
        feed.publish(broken)


@pytest.mark.parametrize("hello", [{"op": "hello"}, {"op": "hello", "pid": -1}, [1], "hello"])
async def test_who_does_not_say_hello_is_cut_off(
    folder: Path, feed: TableFeed, hello: object
) -> None:
    async with link(folder, hello) as one:
        with contextlib.suppress(ConnectionError):
            assert await one.hear() is None
    assert feed.using == {}


async def test_unknown_message_is_answered_with_an_error(folder: Path, feed: TableFeed) -> None:
    async with link(folder) as one:
        await one.say({"op": "what"})
        assert (await one.hear())["op"] == "error"
        await one.say({"op": "error", "message": "no"})
        await one.say({"op": "refused", "revision": 1, "problems": ["bad"]})
        feed.publish(table(1))
        assert (await one.hear())["op"] == "table"
