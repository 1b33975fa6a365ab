import pytest

from aether.core.model.ids import NodeId
from aether.store.protocol import Follow, Hello, Progress, Shape
from tests.integration.contracts.store import put
from tests.integration.store_rig import NODE, rig, until


async def test_every_client_is_greeted_with_who_answers_and_who_leads() -> None:
    async with rig() as served, served.raw() as raw:
        hello, shape = await raw.next(), await raw.next()
    assert isinstance(hello, Hello)
    assert (hello.node, hello.cluster_id) == (NODE, "one")
    assert isinstance(shape, Shape)
    assert [member.node for member in shape.members] == [NODE]


async def test_a_change_of_the_leader_is_told_to_all() -> None:
    async with rig() as served, served.client() as store:
        assert store.leader == NODE
        served.oracle.cut_off(NodeId(NODE))
        await until(lambda: store.leader is None)
        served.oracle.reconnect(NodeId(NODE))
        await until(lambda: store.leader == NODE)


async def test_it_knows_how_long_nobody_was_there() -> None:
    async with rig() as served:
        assert served.server is not None
        async with served.client() as store:
            await store.txn(put("k"))
            assert served.server.alone_s == 0
        await until(lambda: served.server is not None and served.server.alone_s > 0)


async def test_a_visit_between_two_looks_counts_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aether.store.process.server.LOOK_S", 3600.0)
    async with rig() as served:
        server = served.server
        assert server is not None
        await until(lambda: server.alone_s > 0.5)
        async with served.raw() as raw:
            await raw.next()
        await until(lambda: server.alone_s > 0)
        assert server.alone_s < 0.5


async def test_every_watch_hears_now_and_then_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("aether.store.process.server.PROGRESS_S", 0.05)
    async with rig() as served, served.raw() as raw, served.client() as store:
        await raw.next()
        await raw.next()
        raw.ask(Follow(1, "quiet/"))
        assert await raw.next() == Progress(1, 0)
        await store.txn(put("loud"))
        told = await raw.next()
        while told == Progress(1, 0):
            told = await raw.next()
        assert told == Progress(1, 1)
