"""What a router tells its node of its counts: when, in which frames, and never too much at once."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from aether.core.dataplane.route_counts import RouteCounts, route_key
from aether.core.dataplane.slow_calls import MOST_A_READING
from aether.core.dataplane.table import Table
from aether.core.dataplane.traffic import Reading
from aether.core.metrics.slow_calls import SlowRule
from aether.core.model.ids import NodeId
from aether.dataplane import observer as module
from aether.dataplane.feed import TableFeed
from aether.dataplane.observer import SERIES_A_FRAME, Observer
from aether.dataplane.table_client import TableClient
from aether.frames import HEADER, read_frame, unpack, write_frame
from aether.node.clock import MonotonicClock
from aether.tasks import Tasks
from aether.telemetry.traffic import NodeTraffic

KEY = route_key("GET", "", "/", "a:b")
POLL_S = 0.005


def count(counts: RouteCounts, version: str = "1") -> None:
    counts.began(KEY)
    counts.ended(KEY, version, "GET", 200, 0.01, bytes_in=0, bytes_out=0, retries=0)


def messages(observer: Observer) -> list[Any]:
    return [unpack(frame[HEADER.size :]) for frame in observer.frames()]


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - what is waited for happens on the other side
            await asyncio.sleep(POLL_S)


def test_a_reading_without_news_is_one_small_frame() -> None:
    observer = Observer()
    observer.began(KEY)
    (message,) = messages(observer)
    assert message["op"] == "counts"
    assert message["in_flight"] == {KEY: 1}
    assert message["age_s"] >= 0
    assert "series" not in message


def test_series_follow_in_frames_of_their_own() -> None:
    observer = Observer()
    for version in range(SERIES_A_FRAME + 1):
        count(observer, str(version))
    first, *rest = messages(observer)
    assert [len(message["series"]) for message in rest] == [SERIES_A_FRAME, 1]
    assert {message["run"] for message in rest} == {first["run"]}
    assert first["opened"] == SERIES_A_FRAME + 1


def test_a_node_reads_what_a_router_writes_and_two_routers_are_two_runs() -> None:
    traffic = NodeTraffic(MonotonicClock())
    one, other = Observer(), Observer()
    for observer in (one, other):
        count(observer)
        runs = {traffic.take(message) for message in messages(observer)}
        assert len(runs) == 1
    assert traffic.stats(10.0).series[0].total == 2


class Slow:
    """A writer whose transport holds what nobody reads."""

    def __init__(self) -> None:
        self.transport = self
        self.buffered = 0
        self.closing = False
        self.asked = 0
        self.written: list[bytes] = []

    def is_closing(self) -> bool:
        return self.closing

    def get_write_buffer_size(self) -> int:
        self.asked += 1
        return self.buffered

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def writelines(self, frames: Iterable[bytes]) -> None:
        self.written.extend(frames)


async def test_nothing_more_is_sent_to_a_node_that_does_not_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "PERIOD_S", 0.001)
    observer, writer, tasks = Observer(), Slow(), Tasks()
    count(observer)
    writer.buffered = 1
    tasks.start("ship", observer.ship(cast("asyncio.StreamWriter", writer)))
    await until(lambda: writer.asked > 3)
    assert writer.written == []
    writer.buffered = 0
    await until(lambda: len(writer.written) >= 2)
    writer.closing = True
    await tasks.stop()
    sent = [unpack(frame[HEADER.size :]) for frame in writer.written]
    assert sum(len(message.get("series", ())) for message in sent) == 1


@pytest.fixture
async def folder() -> AsyncIterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="ae", dir="/tmp"))
    yield made
    shutil.rmtree(made)


async def test_counts_reach_the_node_on_the_table_link_and_again_after_it_restarted(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PERIOD_S", 0.01)
    observer, tasks = Observer(), Tasks()
    start = Table(revision=0, node=NodeId("n1"))
    client = TableClient(
        folder / "link", folder / "table.json", lambda _: None, start, observer=observer
    )
    tasks.start("client", client.run())
    nodes = NodeTraffic(MonotonicClock()), NodeTraffic(MonotonicClock())
    for traffic in nodes:
        feed = TableFeed(folder / "link", traffic)
        await feed.start()
        count(observer)
        observer.began(KEY)
        await until(lambda told=traffic: told.totals and told.totals[KEY, "1", "GET"])  # type: ignore[misc] # bound while it is this one
        flying = traffic.stats(10.0).in_flight[0].requests
        await feed.stop()
        observer.ended(KEY, "1", "GET", 200, 0.01, bytes_in=0, bytes_out=0, retries=0)
        assert flying == 1
        assert traffic.stats(10.0).in_flight == ()
    await tasks.stop()
    assert nodes[1].totals[KEY, "1", "GET"].requests == 3


async def test_a_router_that_stops_tells_what_it_counted_last(folder: Path) -> None:
    observer, tasks, traffic = Observer(), Tasks(), NodeTraffic(MonotonicClock())
    feed = TableFeed(folder / "link", traffic)
    await feed.start()
    start = Table(revision=0, node=NodeId("n1"))
    client = TableClient(
        folder / "link", folder / "table.json", lambda _: None, start, observer=observer
    )
    tasks.start("client", client.run())
    await until(lambda: feed.using)
    for version in range(SERIES_A_FRAME * 2):
        count(observer, str(version))
    await tasks.stop()
    await until(lambda: len(traffic.totals) == SERIES_A_FRAME * 2)
    await feed.stop()
    assert sum(tally.requests for tally in traffic.totals.values()) == SERIES_A_FRAME * 2


async def test_counts_that_make_no_sense_are_refused_and_the_link_stays(folder: Path) -> None:
    traffic = NodeTraffic(MonotonicClock())
    feed = TableFeed(folder / "link", traffic)
    await feed.start()
    reader, writer = await asyncio.open_unix_connection(str(folder / "link"))
    async with asyncio.timeout(5):
        await write_frame(writer, {"op": "hello", "pid": 77})
        await write_frame(writer, {"op": "counts", "run": "r", "series": [[1, 2]]})
        answer: Any = await read_frame(reader)
        assert answer["op"] == "error"
        assert answer["message"].startswith("counts: ")
        await write_frame(writer, {"op": "counts", "run": "r", "in_flight": {KEY: 5}})
        await until(lambda: traffic.stats(1.0).in_flight)
    writer.close()
    await until(lambda: not traffic.stats(1.0).in_flight)
    await feed.stop()
    assert traffic.totals == {}


class Call:
    """A request that has ended."""

    status = 200
    trace_id = "t" * 32
    endpoint = None


def test_slow_calls_are_told_once_with_what_made_them_slow() -> None:
    observer = Observer()
    observer.judge_by(SlowRule(strategy="fixed", fixed_s=0.5))
    for seconds in (0.4, 0.5):
        observer.began(KEY)
        if observer.ended(KEY, "1", "GET", 200, seconds, bytes_in=0, bytes_out=0, retries=0):
            observer.was_slow(Call(), KEY, "GET", seconds)
    reading = msgspec.convert(messages(observer)[0], Reading)
    (slow,) = reading.slow
    assert (slow.route, slow.seconds, slow.slow_after_s, slow.trace) == (KEY, 0.5, 0.5, "t" * 32)
    assert "slow" not in messages(observer)[0]


def test_only_the_last_slow_calls_of_a_second_are_told_and_no_tunnels() -> None:
    observer, tunnel = Observer(), Call()
    tunnel.status = 101
    for number in range(MOST_A_READING + 10):
        observer.was_slow(Call(), KEY, "GET", float(number))
    observer.was_slow(tunnel, KEY, "GET", 1e6)
    slow = msgspec.convert(messages(observer)[0], Reading).slow
    assert len(slow) == MOST_A_READING
    assert slow[-1].seconds == MOST_A_READING + 9


def test_calls_are_slow_by_what_is_usual_once_that_is_known() -> None:
    observer = Observer()
    observer.judge_by(SlowRule(times=3.0, least_s=0.001, most_s=1.0))
    assert observer.slow_after_s(KEY, "1", "GET") == 1.0
    for _ in range(50):
        count(observer)  # 10 ms each
    messages(observer)
    assert observer.slow_after_s(KEY, "1", "GET") == pytest.approx(0.03, rel=0.01)
    assert observer.ended(KEY, "1", "GET", 200, 0.05, bytes_in=0, bytes_out=0, retries=0)
    observer.judge_by(SlowRule(strategy="fixed", fixed_s=9.0))
    assert not observer.ended(KEY, "1", "GET", 200, 5.0, bytes_in=0, bytes_out=0, retries=0)


def test_a_rule_that_is_none_changes_nothing() -> None:
    observer = Observer()
    observer.judge_by(SlowRule(strategy="fixed", fixed_s=9.0))
    assert observer.take({"op": "slow_calls", "rule": {"strategy": "magic"}})
    assert observer.slow_after_s(KEY, "1", "GET") == 9.0
    assert not observer.take({"op": "table"})


async def test_the_rule_reaches_routers_and_slow_calls_the_node(folder: Path) -> None:
    traffic, tasks, observer = NodeTraffic(MonotonicClock()), Tasks(), Observer()
    feed = TableFeed(folder / "link", traffic)
    feed.judge_by(SlowRule(strategy="fixed", fixed_s=7.0))
    await feed.start()
    feed.publish(Table(revision=1, node=NodeId("n1")))
    start = Table(revision=0, node=NodeId("n1"))
    client = TableClient(folder / "link", folder / "table", lambda _: None, start, observer)
    tasks.start("client", client.run())
    try:
        await until(lambda: observer.slow_after_s(KEY, "1", "GET") == 7.0)
        feed.judge_by(SlowRule(strategy="fixed", fixed_s=0.005))
        await until(lambda: observer.slow_after_s(KEY, "1", "GET") == 0.005)
        observer.was_slow(Call(), KEY, "GET", 0.01)
        await until(traffic.slow_calls)
    finally:
        await tasks.stop()
        await feed.stop()
    assert [call.seconds for call in traffic.slow_calls()] == [0.01]
