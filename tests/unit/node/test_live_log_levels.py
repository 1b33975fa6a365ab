import asyncio
from collections.abc import Mapping
from types import SimpleNamespace
from typing import cast

import pytest
import structlog

from aether.core.model.alert_records import LogLevelRecord
from aether.core.model.ids import NodeId
from aether.core.model.records import encode
from aether.core.store.commands import Delete, Range
from aether.node import live_log_levels
from aether.node.live_log_levels import LiveLogLevels, in_force
from aether.ports import Store
from tests.alert_world import MovedClock, alert_world
from tests.api_world import NODE

HERE, ELSEWHERE = (NODE,), (NodeId("node-9"),)


def test_what_counts_on_a_node_now() -> None:
    levels = {
        "b": LogLevelRecord(level="debug"),
        "a": LogLevelRecord(level="error", nodes=HERE),
        "c": LogLevelRecord(level="error", nodes=ELSEWHERE),
        "d": LogLevelRecord(level="error", until_ms=100),
    }
    assert in_force(levels, NODE, 99) == {"a": "error", "b": "debug", "d": "error"}
    assert in_force(levels, NODE, 100) == {"a": "error", "b": "debug"}


async def test_what_changes_is_set_and_taken_back() -> None:
    async with alert_world() as world:
        told: list[dict[str, str]] = []
        live = LiveLogLevels(
            NODE, world.api.store, MovedClock(), lambda levels: told.append(dict(levels)),
            wall=lambda: world.api.now_s,
        )  # fmt: skip
        live.look()
        until_ms = int(world.api.now_s * 1000) + 1000
        record = LogLevelRecord(level="debug", until_ms=until_ms)
        await world.api.put({"loglevel/aether.control": encode(record)})
        live.look()
        live.look()
        world.api.now_s += 2
        live.look()
        assert told == [{}, {"aether.control": "debug"}, {}]


def test_nothing_is_said_before_anything_of_the_store_is_here() -> None:
    known = [0]
    store = SimpleNamespace(level=lambda _: Range(known[0], (), more=False))
    told: list[Mapping[str, str]] = []
    live = LiveLogLevels(NODE, cast("Store", store), MovedClock(), told.append)
    live.look()
    assert told == []
    known[0] = 7
    live.look()
    assert told == [{}]


async def test_the_leader_takes_away_what_has_ended() -> None:
    async with alert_world() as world:
        record = LogLevelRecord(level="debug", until_ms=int(world.api.now_s * 1000) + 1000)
        await world.api.put({"loglevel/a": encode(record), "loglevel/b": encode(record)})
        await world.look(3)
        assert world.alerting.book().log_levels == {}
        await world.api.put({"loglevel/a": encode(LogLevelRecord(level="debug"))})
        await world.look(3)
        assert list(world.alerting.book().log_levels) == ["a"]
        await world.api.commit(Delete("loglevel/a"))


async def test_a_bug_ends_the_look_and_not_the_node(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_log_levels, "PERIOD_S", 0.05)
    async with alert_world() as world:
        calls, again = [0], asyncio.Event()

        def set_own_levels(_: Mapping[str, str]) -> None:
            calls[0] += 1
            if calls[0] == 1:
                raise ZeroDivisionError("a bug")
            again.set()

        await world.api.put({"loglevel/a": encode(LogLevelRecord(level="debug"))})
        live = LiveLogLevels(NODE, world.api.store, MovedClock(), set_own_levels)
        with structlog.testing.capture_logs() as logs:
            world.tasks.start("levels", live.run())
            async with asyncio.timeout(5):
                await again.wait()
        assert logs[0]["event"] == "look at log levels broke off"
