"""The leader's look at alerts: what it writes, what it leaves, what it survives."""

import pytest
import structlog

from aether.control import alerting
from aether.control.alerting import MOST_CHANGES
from aether.core.model.alert_records import SilenceRecord, ThresholdRecord
from aether.core.model.ids import NodeId
from aether.core.model.records import encode
from aether.core.store.commands import Applied, Guard, Put, Txn
from aether.errors import Unavailable
from tests.alert_world import alert_world
from tests.api_world import BY_TEST, NODE

NOW = ThresholdRecord(for_s=0.0, clear_s=0.0)


async def test_a_change_of_severity_keeps_since_when() -> None:
    async with alert_world() as world:
        await world.api.put({"threshold/node.disk/*": encode(NOW)})
        world.measured["node.disk"] = {NODE: 0.9}
        await world.look()
        (first,) = world.alerting.book().alerts.values()
        world.measured["node.disk"] = {NODE: 0.99}
        await world.look(3)
        (then,) = world.alerting.book().alerts.values()
        assert (first.severity, then.severity) == ("warning", "critical")
        assert then.since_ms == first.since_ms
        assert then.value == 0.99


async def test_what_stays_as_it_is_writes_nothing() -> None:
    async with alert_world() as world:
        await world.api.put({"threshold/node.disk/*": encode(NOW)})
        world.measured["node.disk"] = {NODE: 0.9}
        await world.look(3)
        before = world.api.store.revision
        await world.look(20)
        assert world.api.store.revision == before


async def test_a_storm_is_written_down_the_worst_first_bit_by_bit() -> None:
    async with alert_world() as world:
        await world.api.put({"threshold/node.disk/*": encode(NOW)})
        mild = {f"n-{number}": 0.9 for number in range(MOST_CHANGES)}
        world.measured["node.disk"] = {**mild, "z-worst": 1.0}
        await world.look()
        active = world.active()
        assert len(active) == MOST_CHANGES
        assert active["node.disk", "z-worst"] == "critical"
        await world.look()
        assert len(world.active()) == MOST_CHANGES + 1


async def test_another_leader_s_epoch_refuses_the_write() -> None:
    async with alert_world() as world:
        await world.api.put({"threshold/node.disk/*": encode(NOW)})
        world.measured["node.disk"] = {NODE: 0.9}
        stale = world.alerting.book()
        await world.lead(7)
        outcome = await world.api.store.txn(
            Txn(
                (Put("alert/x/y", b"{}"),),
                BY_TEST,
                (Guard("control/epoch", stale.revisions["control/epoch"]),),
            )
        )
        assert not isinstance(outcome, Applied)
        await world.look()
        assert world.active() == {("node.disk", NODE): "warning"}


async def test_a_write_that_fails_is_made_again() -> None:
    async with alert_world() as world:
        await world.api.put({"threshold/node.disk/*": encode(NOW)})
        world.measured["node.disk"] = {NODE: 0.9}
        real, failures = world.api.store.txn, [Unavailable("no quorum")] * 2

        async def txn(*given: object, **options: object) -> object:
            if failures:
                raise failures.pop()
            return await real(*given, **options)  # type: ignore[arg-type] # handed on as it came

        world.api.store.txn = txn  # type: ignore[method-assign,assignment] # the port, failing
        with structlog.testing.capture_logs() as logs:
            await world.look(1)
            assert world.active() == {}
            await world.look()
        assert world.active() == {("node.disk", NODE): "warning"}
        assert sum(line["event"] == "alert not written down" for line in logs) == 2


async def test_silences_that_are_over_go() -> None:
    async with alert_world() as world:
        until_ms = int(world.api.now_s * 1000) + 2000
        silence = SilenceRecord(author="me", created_ms=1, until_ms=until_ms)
        await world.api.put({"silence/s": encode(silence)})
        await world.look(1)
        assert list(world.alerting.book().silences) == ["s"]
        await world.look(3)
        assert world.alerting.book().silences == {}


async def test_what_cannot_be_raised_keeps_no_end_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerting, "MOST_ACTIVE", 40)
    async with alert_world() as world:
        await world.api.put({"threshold/node.disk/*": encode(NOW)})
        first = {f"a-{number}": 0.9 for number in range(40)}
        world.measured["node.disk"] = first
        await world.look(1)
        assert len(world.active()) == 40
        more = {f"b-{number:02}": 1.0 for number in range(40)}
        with structlog.testing.capture_logs() as logs:
            world.measured["node.disk"] = {**first, **more}
            await world.look(2)
            assert {subject for _, subject in world.active()} == set(first)
            world.measured["node.disk"] = {**dict.fromkeys(first, 0.1), **more}
            await world.look(2)
        assert {subject for _, subject in world.active()} == set(more)
        told = [line for line in logs if line["event"].startswith("alerts not raised")]
        assert 1 <= len(told) <= 2


async def test_a_store_that_does_not_answer_is_asked_once_a_look() -> None:
    async with alert_world() as world:
        await world.api.put({"threshold/node.disk/*": encode(NOW)})
        world.measured["node.disk"] = {f"n-{number}": 0.9 for number in range(5)}
        asked = [0]

        async def txn(*_: object, **__: object) -> object:
            asked[0] += 1
            raise Unavailable("no quorum")

        world.api.store.txn = txn  # type: ignore[method-assign,assignment] # the port, failing
        await world.look()
        assert asked == [1]


async def test_who_does_not_lead_does_not_read_the_store() -> None:
    async with alert_world() as world:
        world.alerting.node = NodeId("node-9")
        read = [0]

        def level(_: object) -> object:
            read[0] += 1
            raise AssertionError

        world.api.store.level = level  # type: ignore[method-assign,assignment] # the port, counted
        await world.look(3)
        assert read == [0]
