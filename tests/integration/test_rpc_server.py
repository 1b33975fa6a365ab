"""The server keeps standing: broken messages, defects in handlers, a port in use."""

from pathlib import Path

import grpc
import pytest

from aether.errors import (
    ConfigInvalid,
    OutcomeUnknown,
    Unavailable,
)
from aether.ports import ApiRequest, ApiResponse
from aether.proto.v1 import cluster_pb2 as pb
from aether.rpc.channels import Channels
from tests.integration.rpc_nodes import RpcNode, get, nodes, post


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
