"""Forming real clusters over gRPC on loopback: staggered, wrong orders, late, wiped, twice named."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from aether.errors import ConfigInvalid
from aether.rpc.admission import NodeIdTaken
from aether.rpc.formation import Membership
from tests.integration.rpc_nodes import FakeConsensus, RpcNode, eventually


@asynccontextmanager
async def servers(tmp_path: Path, names: Sequence[str]) -> AsyncIterator[list[RpcNode]]:
    started = [await RpcNode(name, tmp_path).start() for name in names]
    try:
        yield started
    finally:
        for node in started:
            await node.stop()


async def form_all(
    nodes: Sequence[RpcNode], *, join: Sequence[str], expect: int, stagger_s: float = 0.0
) -> list[Membership]:
    async def one(number: int, node: RpcNode) -> Membership:
        await asyncio.sleep(number * stagger_s)
        return await node.form(join, expect)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(i, node)) for i, node in enumerate(nodes)]
    return [task.result() for task in tasks]


def serve(nodes: Sequence[RpcNode], membership: Membership) -> FakeConsensus:
    """Pretend that the consensus engines run."""
    consensus = FakeConsensus(membership.members)
    for node in nodes:
        node._formation().serve(consensus, node.addresses.get)
    return consensus


@pytest.mark.parametrize("expect", [3, 5])
@pytest.mark.parametrize("order", ["up", "down", "middle first"])
async def test_nodes_started_one_after_the_other_form_one_cluster(
    tmp_path: Path, expect: int, order: str
) -> None:
    async with servers(tmp_path, [f"node-{i + 1}" for i in range(expect)]) as nodes:
        first = nodes[0].address
        if order == "down":
            nodes.reverse()
        elif order == "middle first":
            nodes.insert(0, nodes.pop(expect // 2))
        memberships = await form_all(nodes, join=[first], expect=expect, stagger_s=0.15)
        assert len({m.cluster_id for m in memberships}) == 1
        assert all(m == memberships[0] for m in memberships)
        assert [m.node for m in memberships[0].members] == sorted(n.name for n in nodes)
        assert memberships[0].node_addresses == {n.name: n.address for n in nodes}


async def test_all_at_once_with_a_chain_of_joins(tmp_path: Path) -> None:
    async with servers(tmp_path, ["c", "a", "b"]) as nodes:
        joins = [nodes[1].address, nodes[2].address, nodes[0].address]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(n.form([j], 3)) for n, j in zip(nodes, joins, strict=True)]
        assert len({task.result().cluster_id for task in tasks}) == 1


async def test_one_node_founds_alone_at_once(tmp_path: Path) -> None:
    async with servers(tmp_path, ["solo"]) as (solo,):
        async with asyncio.timeout(1):
            membership = await solo.form([solo.address], 1)
        assert [m.node for m in membership.members] == ["solo"]


async def test_a_late_node_joins_through_any_member(tmp_path: Path) -> None:
    async with servers(tmp_path, ["node-1", "node-2", "node-3", "node-0"]) as nodes:
        *founders, late = nodes
        (membership, *_) = await form_all(founders, join=[founders[0].address], expect=3)
        consensus = serve(founders, membership)
        joined = await late.form([founders[2].address], 3)
        assert joined.cluster_id == membership.cluster_id
        assert [m.node for m in joined.members] == ["node-0", "node-1", "node-2", "node-3"]
        assert joined.node_addresses == {n.name: n.address for n in nodes}
        assert consensus.changes == ["+node-0"]


async def test_a_node_that_comes_before_the_cluster_serves_waits_for_it(tmp_path: Path) -> None:
    async with servers(tmp_path, ["node-1", "node-2"]) as (one, two):
        membership = await one.form([], 1)
        async with asyncio.TaskGroup() as group:
            joining = group.create_task(two.form([one.address], 1))
            await eventually(lambda: two.formation is not None and bool(two.formation._state.found))
            assert not joining.done()
            serve([one], membership)
        assert joining.result().cluster_id == membership.cluster_id


async def test_a_restarted_node_starts_from_its_disk(tmp_path: Path) -> None:
    async with servers(tmp_path, ["node-1", "node-2", "node-3"]) as nodes:
        (membership, *_) = await form_all(nodes, join=[nodes[0].address], expect=3)
        port = nodes[1].server.port
        await nodes[0].stop()
        await nodes[2].stop()
        await nodes[1].stop()
        again = await RpcNode("node-2", tmp_path).start(port)
        async with asyncio.timeout(1):
            assert await again.form(["127.0.0.1:1"], 3) == membership
        await again.stop()
        saved = json.loads((tmp_path / "node-2" / "node.json").read_text())
        assert saved["cluster_id"] == membership.cluster_id


async def test_a_wiped_member_is_taken_out_and_added_anew(tmp_path: Path) -> None:
    async with servers(tmp_path, ["node-1", "node-2", "node-3"]) as nodes:
        (membership, *_) = await form_all(nodes, join=[nodes[0].address], expect=3)
        consensus = serve(nodes, membership)
        port = nodes[2].server.port
        await nodes[2].stop()
        for file in (tmp_path / "node-3").iterdir():
            file.unlink()
        again = await RpcNode("node-3", tmp_path).start(port)
        joined = await again.form([nodes[0].address], 3)
        assert joined == replace(membership, founders=(), term=1)
        assert consensus.changes == ["-node-3", "+node-3"]
        await again.stop()


async def test_a_member_that_lost_its_store_founds_nothing_and_joins_again(tmp_path: Path) -> None:
    async with servers(tmp_path, ["node-1", "node-2", "node-3"]) as nodes:
        (membership, *_) = await form_all(nodes, join=[nodes[0].address], expect=3)
        assert membership.founders == membership.members
        consensus = serve(nodes[1:], membership)
        port = nodes[0].server.port
        await nodes[0].stop()
        again = await RpcNode("node-1", tmp_path).start(port)
        # It was told of nobody: it remembers who is in its cluster.
        joined = await again.form([], 1, lost=True)
        assert (joined.cluster_id, joined.founders) == (membership.cluster_id, ())
        assert consensus.changes == ["-node-1", "+node-1"]
        later = await again.form([], 1)
        assert (later.cluster_id, later.founders) == (membership.cluster_id, ())
        await again.stop()


async def test_a_lost_store_that_nobody_else_holds_is_not_begun_anew(tmp_path: Path) -> None:
    async with servers(tmp_path, ["solo"]) as (solo,):
        await solo.form([], 1)
        with pytest.raises(ConfigInvalid, match="the store of solo is lost"):
            await solo.form([], 1, lost=True)


async def test_a_second_node_of_the_same_name_is_told_so(tmp_path: Path) -> None:
    async with servers(tmp_path, ["node-1", "node-2"]) as (one, two):
        (membership, _) = await form_all([one, two], join=[one.address], expect=2)
        consensus = serve([one, two], membership)
        twin = await RpcNode("node-2", tmp_path / "elsewhere").start()
        with pytest.raises(NodeIdTaken, match="node id node-2 is taken by the node at"):
            await twin.form([one.address], 2)
        assert consensus.changes == []
        await twin.stop()


async def test_a_second_node_of_the_same_name_is_told_so_before_there_is_a_cluster(
    tmp_path: Path,
) -> None:
    async with servers(tmp_path, ["node-1", "node-2"]) as (one, two):
        async with asyncio.TaskGroup() as group:
            forming = [group.create_task(n.form([one.address], 3)) for n in (one, two)]
            await eventually(
                lambda: one.formation is not None and bool(one.formation._state.heard_at)
            )
            twin = await RpcNode("node-2", tmp_path / "elsewhere").start()
            with pytest.raises(NodeIdTaken, match="node-2"):
                await twin.form([one.address], 3)
            for task in forming:
                task.cancel()
        await twin.stop()


async def test_a_data_directory_of_another_node_is_refused(tmp_path: Path) -> None:
    async with servers(tmp_path, ["node-1"]) as (one,):
        await one.form([], 1)
        other = await RpcNode("node-9", tmp_path).start()
        other.data_dir = one.data_dir
        with pytest.raises(
            ConfigInvalid, match="belongs to node-1, but this node is configured as node-9"
        ):
            await other.form([], 1)
        await other.stop()
