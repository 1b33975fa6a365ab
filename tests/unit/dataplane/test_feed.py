"""The table link: both sides of it, and a router that misbehaves."""

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, cast

import pytest

from aether.core.dataplane.fingerprint import fingerprint
from aether.core.dataplane.table import Endpoint, RouteRow, Table, to_plain
from aether.core.metrics.slow_calls import SlowRule
from aether.core.model.ids import InstanceId, NodeId, SliceBase
from aether.core.tracing.sampling import TracingSettings
from aether.dataplane.feed import TableFeed, _Router
from aether.dataplane.streams import end_stream
from aether.frames import read_frame, write_frame
from aether.logs.orders import LogOrders

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


def wide(revision: int, zone: str = "") -> Table:
    """A table of which one row in nine changes with `zone`."""
    routes = tuple(RouteRow(method="GET", pattern=f"/{n}", slice=BASE) for n in range(8))
    endpoint = Endpoint(
        instance=InstanceId("a:b:1.0.0/0"), slice=BASE, node=NodeId("n1"), socket="/s", zone=zone
    )
    return Table(revision=revision, node=NodeId("n1"), routes=routes, instances=(endpoint,))


def hello(known: Table, **change: object) -> dict[str, object]:
    return {
        "op": "hello",
        "pid": 77,
        "revision": known.revision,
        "fingerprint": fingerprint(known),
        **change,
    }


async def test_router_with_a_table_is_told_what_changed(folder: Path, feed: TableFeed) -> None:
    feed.publish(wide(1))
    async with link(folder, hello(EMPTY)) as one:
        assert (await one.hear())["op"] == "table"
        feed.publish(wide(2, "z"))
        delta = await one.hear()
        assert (delta["op"], delta["from"], delta["revision"]) == ("delta", 1, 2)
        assert [row["zone"] for row in delta["put"]["instances"]] == ["z"]
        assert delta["put"]["routes"] == []
        await one.say({"op": "whole"})
        assert (await one.hear())["op"] == "table"
        feed.publish(wide(3))
        assert (await one.hear())["from"] == 2


async def test_router_that_comes_back_with_the_present_table_is_not_sent_it(
    folder: Path, feed: TableFeed
) -> None:
    feed.publish(wide(7))
    async with link(folder, hello(wide(4))) as one:
        message = await one.hear()
        assert (message["op"], message["revision"]) == ("revision", 7)
    for other in (hello(wide(4, "z")), hello(wide(4), revision=-1), hello(wide(4), revision="x")):
        async with link(folder, other) as two:
            assert (await two.hear())["op"] == "table"


async def test_router_of_an_earlier_release_gets_whole_tables(
    folder: Path, feed: TableFeed
) -> None:
    feed.publish(wide(1))
    async with link(folder) as one:
        for revision in (2, 3, 4):
            assert (await one.hear())["op"] == "table"
            feed.publish(wide(revision, "z" if revision == 3 else ""))


async def test_news_of_revisions_alone_melt_into_few(folder: Path, feed: TableFeed) -> None:
    feed.publish(wide(1))
    async with link(folder, hello(EMPTY)) as one:
        await one.hear()
        heard = list[int]()
        for revision in range(2, 200):
            feed.publish(wide(revision))
            await asyncio.sleep(0)
        while not heard or heard[-1] < 199:
            heard.append((await one.hear())["revision"])
        feed.publish(wide(200, "z"))
        assert (await one.hear())["op"] == "delta"
    assert len(heard) < 20


class Closed:
    """The writer of a link that has just been closed, as the faster event loop has it."""

    @property
    def transport(self) -> "Closed":
        return self

    def is_closing(self) -> bool:
        return True

    def get_write_buffer_size(self) -> int:
        raise RuntimeError("unable to perform operation; the handler is closed")

    def write(self, data: bytes) -> None:
        raise RuntimeError(f"{len(data)} bytes written to a handler that is closed")


async def test_a_link_that_is_being_closed_is_told_nothing(folder: Path, feed: TableFeed) -> None:
    gone = _Router(asyncio.StreamReader(), cast("asyncio.StreamWriter", Closed()))
    gone.judges = gone.traces = True
    feed._routers = {gone: -1, **feed._routers}
    said = {"op": "hello", "pid": 77, "traces": True, "slow_calls": True}
    async with link(folder, said) as other:
        await until(lambda: any(router.traces for router in feed._routers if router is not gone))
        feed.tell_tracing(TracingSettings(0.5))
        feed.judge_by(SlowRule())
        feed.ask(["a" * 32])
        told = [(await other.hear())["op"] for _ in range(3)]
    assert told == ["tracing", "slow_calls", "traces"]
    del feed._routers[gone]


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


async def test_routers_are_told_what_to_log_now_and_later(folder: Path, feed: TableFeed) -> None:
    knows = {"op": "hello", "pid": 77, "logs": True}
    async with link(folder, knows) as one, link(folder, {"op": "hello", "pid": 78}) as earlier:
        await until(lambda: len(feed.using) == 2)
        feed.tell_logs(LogOrders(level="warning", loggers={"aether.dataplane": "debug"}))
        told = {"op": "logs", "level": "warning", "loggers": {"aether.dataplane": "debug"}}
        assert await one.hear() == {**told, "lines": False}
        async with link(folder, {**knows, "pid": 79}) as two:
            assert (await two.hear())["loggers"] == {"aether.dataplane": "debug"}
        feed.publish(table(1))
        assert (await earlier.hear())["op"] == "table", "a router of an earlier version"
