"""Calls between nodes over real gRPC on loopback: forwarding, artifacts, copies, bad input."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest

from aether.core.model.ids import NodeId
from aether.errors import (
    BlueprintInvalid,
    ConfigInvalid,
    Invalid,
    NotFound,
    NotLeader,
    OutcomeUnknown,
    TooLarge,
    Unavailable,
)
from aether.ports import ApiRequest, ApiResponse
from aether.proto.v1 import cluster_pb2 as pb
from aether.rpc import settings
from aether.rpc.channels import Channels
from tests.integration.rpc_nodes import RpcNode, wheel_record


@asynccontextmanager
async def nodes(tmp_path: Path, count: int) -> AsyncIterator[list[RpcNode]]:
    started = [await RpcNode(f"node-{i + 1}", tmp_path).start() for i in range(count)]
    for node in started:
        node.addresses.update({other.name: other.address for other in started})
    try:
        yield started
    finally:
        for node in started:
            await node.stop()


def get(path: str = "/api/v1/status") -> ApiRequest:
    return ApiRequest(method="GET", path=path, headers={"x-request-id": "r1"})


def post(body: bytes = b"{}") -> ApiRequest:
    return ApiRequest(method="POST", path="/api/v1/blueprints", body=body)


async def test_a_call_is_answered_by_the_leader(tmp_path: Path) -> None:
    async with nodes(tmp_path, 2) as (one, two):
        seen: list[ApiRequest] = []

        def answer(request: ApiRequest) -> ApiResponse:
            seen.append(request)
            return ApiResponse(status=201, headers={"x-by": "node-2"}, body=request.body * 2)

        two.answer = answer
        request = ApiRequest(
            method="POST", path="/api/v1/kv?k=1", headers={"a": "b"}, body=bytes(range(256))
        )
        response = await one.peers.forward(two.name, request)
        assert seen == [request]
        assert response == ApiResponse(
            status=201, headers={"x-by": "node-2"}, body=bytes(range(256)) * 2
        )


async def test_an_error_arrives_as_the_error_it_was(tmp_path: Path) -> None:
    async with nodes(tmp_path, 2) as (one, two):

        def refuse(request: ApiRequest) -> ApiResponse:
            raise NotLeader("node-2 does not lead", fields={"leader": "node-9"})

        two.answer = refuse
        with pytest.raises(NotLeader, match="node-2 does not lead") as caught:
            await one.peers.forward(two.name, get())
        assert caught.value.fields == {"leader": "node-9"}

        def invalid(request: ApiRequest) -> ApiResponse:
            raise BlueprintInvalid(["line 1: id is missing", "line 2: instances is 0"])

        two.answer = invalid
        with pytest.raises(BlueprintInvalid) as problems:
            await one.peers.forward(two.name, post())
        assert problems.value.problems == ["line 1: id is missing", "line 2: instances is 0"]


async def test_a_defect_in_a_handler_does_not_end_the_server(tmp_path: Path) -> None:
    async with nodes(tmp_path, 2) as (one, two):

        def broken(request: ApiRequest) -> ApiResponse:
            raise KeyError("x")

        two.answer = broken
        with pytest.raises(OutcomeUnknown, match="failed here"):
            await one.peers.forward(two.name, post())
        with pytest.raises(Unavailable, match="failed here"):
            await one.peers.forward(two.name, get())
        two.answer = lambda _: ApiResponse(status=204)
        assert (await one.peers.forward(two.name, get())).status == 204


async def test_nobody_there_is_unavailable_and_an_unknown_node_too(tmp_path: Path) -> None:
    async with nodes(tmp_path, 1) as (one,):
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            one.addresses[NodeId("node-8")] = f"127.0.0.1:{unused.getsockname()[1]}"
            with pytest.raises(Unavailable, match="does not answer"):
                await one.peers.forward(NodeId("node-8"), post())
        with pytest.raises(Unavailable, match="address of node-9 is not known"):
            await one.peers.forward(NodeId("node-9"), post())


async def answered(node: RpcNode, peer: NodeId) -> int:
    while True:
        try:
            return (await node.peers.forward(peer, get())).status
        except Unavailable:
            await asyncio.sleep(0.02)


async def test_a_peer_that_comes_back_is_reached_again(tmp_path: Path) -> None:
    async with nodes(tmp_path, 2) as (one, two):
        port = two.server.port
        assert (await one.peers.forward(two.name, get())).status == 200
        await two.server.stop(0)
        with pytest.raises(Unavailable):
            await one.peers.forward(two.name, get())
        await two.start(port)
        async with asyncio.timeout(5):
            assert await answered(one, two.name) == 200


async def test_bodies_over_the_limit_are_refused_on_both_ways(tmp_path: Path) -> None:
    async with nodes(tmp_path, 2) as (one, two):
        limit = settings.MAX_BODY_BYTES
        fits = post(b"x" * limit)
        two.answer = lambda request: ApiResponse(status=200, body=request.body)
        assert len((await one.peers.forward(two.name, fits)).body) == limit
        with pytest.raises(TooLarge, match=str(limit)):
            await one.peers.forward(two.name, post(b"x" * (limit + 1)))
        two.answer = lambda _: ApiResponse(status=200, body=b"x" * (limit + 1))
        with pytest.raises(TooLarge, match="ask for less"):
            await one.peers.forward(two.name, get())


async def test_a_wheel_is_fetched_from_a_holder(tmp_path: Path) -> None:
    async with nodes(tmp_path, 2) as (one, two):
        wheel = bytes(range(256)) * 5000
        artifact, record = wheel_record(wheel, [two.name])
        two.shelf[record.digest] = wheel
        assert await one.peers.fetch(artifact, record) == wheel


async def test_a_holder_with_wrong_bytes_or_none_is_passed_over(tmp_path: Path) -> None:
    async with nodes(tmp_path, 4) as (one, two, three, four):
        wheel = b"good" * 1000
        artifact, record = wheel_record(wheel, [two.name, three.name])
        two.shelf[record.digest] = b"evil" * 1000
        four.shelf[record.digest] = wheel
        assert await one.peers.fetch(artifact, record) == wheel
        four.shelf[record.digest] = wheel + b"more"
        with pytest.raises(Unavailable) as caught:
            await one.peers.fetch(artifact, record)
        for said in ("node-2 sent", "node-3 does not hold", "node-4 sends more than"):
            assert said in caught.value.message


async def test_copies_are_made_on_as_many_nodes_as_asked(tmp_path: Path) -> None:
    async with nodes(tmp_path, 4) as (one, two, three, four):
        wheel = b"wheel" * 100
        artifact, record = wheel_record(wheel, [one.name])
        one.shelf[record.digest] = wheel
        assert await one.peers.replicate(artifact, record, 2) == (two.name, three.name)
        assert two.shelf == three.shelf == {record.digest: wheel}
        assert four.shelf == {}


async def test_a_dead_peer_is_replaced_by_the_next_when_copying(tmp_path: Path) -> None:
    async with nodes(tmp_path, 4) as (one, two, three, four):
        wheel = b"wheel" * 100
        artifact, record = wheel_record(wheel, [one.name])
        one.shelf[record.digest] = wheel
        await two.server.stop(0)
        assert await one.peers.replicate(artifact, record, 2) == (three.name, four.name)
        await three.server.stop(0)
        await four.server.stop(0)
        assert await one.peers.replicate(artifact, record, 1) == ()


async def test_malformed_messages_are_invalid(tmp_path: Path) -> None:
    async with nodes(tmp_path, 1) as (one,):
        channels = Channels()
        stub = await channels.stub(one.address)
        bad_node = pb.Announcement(sender=pb.Node(node="NODE_1"))
        bad_address = pb.Announcement(sender=pb.Node(node="a", cluster_address="nowhere"))
        for call in (
            stub.Announce(bad_node, timeout=5),
            stub.Announce(bad_address, timeout=5),
            stub.Found(pb.Proposal(founder="a"), timeout=5),
            stub.Replicate(pb.ReplicateRequest(artifact="a", record=b"{}"), timeout=5),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        with pytest.raises(grpc.aio.AioRpcError, match="is not a digest"):
            await stub.FetchArtifact(pb.ArtifactDigest(digest="../../etc"), timeout=5).read()
        await channels.close()


async def test_a_port_in_use_is_an_error_that_names_it(tmp_path: Path) -> None:
    async with nodes(tmp_path, 1) as (one,):
        with pytest.raises(ConfigInvalid, match=f"cluster port {one.server.port}"):
            await RpcNode("node-2", tmp_path).start(one.server.port)


async def test_the_pool_closes_the_connection_idle_longest(tmp_path: Path) -> None:
    async with nodes(tmp_path, 3) as started:
        channels = Channels(limit=2)
        for node in (*started, started[0]):
            await channels.stub(node.address)
            assert len(channels._open) <= 2
        assert list(channels._open) == [started[2].address, started[0].address]
        await channels.close()


async def test_an_unknown_artifact_is_not_found(tmp_path: Path) -> None:
    async with nodes(tmp_path, 2) as (one, two):
        _, record = wheel_record(b"w", [two.name])
        with pytest.raises(NotFound) as caught:
            await one.peers.fetch_from(two.name, record)
        assert isinstance(caught.value, Invalid)
        assert caught.value.fields == {"digest": record.digest}


async def test_a_call_that_is_cancelled_stays_cancelled(tmp_path: Path) -> None:
    async with nodes(tmp_path, 1) as (one,):
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            one.addresses[NodeId("node-8")] = f"127.0.0.1:{silent.getsockname()[1]}"
            task = asyncio.ensure_future(one.peers.forward(NodeId("node-8"), get()))  # noqa: TID251 - the test owns it
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
