"""Connections to peers: one per address, a bounded number of them, opened when first needed."""

import asyncio
from collections import OrderedDict
from typing import Protocol, cast

import grpc

from aether.errors import Unavailable
from aether.proto.v1 import cluster_pb2 as pb
from aether.proto.v1 import cluster_pb2_grpc
from aether.rpc import settings


class ClusterStub(Protocol):
    """The generated stub, with the types its generator leaves out."""

    Announce: grpc.aio.UnaryUnaryMultiCallable[pb.Announcement, pb.Announcement]
    Found: grpc.aio.UnaryUnaryMultiCallable[pb.Proposal, pb.FoundingAnswer]
    Join: grpc.aio.UnaryUnaryMultiCallable[pb.Node, pb.Formed]
    Forward: grpc.aio.UnaryUnaryMultiCallable[pb.ApiRequest, pb.ApiResponse]
    Report: grpc.aio.StreamStreamMultiCallable[pb.NodeReport, pb.ReportAnswer]
    FetchArtifact: grpc.aio.UnaryStreamMultiCallable[pb.ArtifactDigest, pb.ArtifactChunk]
    Replicate: grpc.aio.UnaryUnaryMultiCallable[pb.ReplicateRequest, pb.ReplicateAnswer]


class Channels:
    """A pool of channels; the one idle longest makes room for a new one."""

    def __init__(self, limit: int = settings.MAX_CHANNELS) -> None:
        self._limit = limit
        self._open: OrderedDict[str, grpc.aio.Channel] = OrderedDict()

    async def stub(self, address: str) -> ClusterStub:
        """Return a connected stub; raise Unavailable when `address` is not reached in time.

        Once this has returned, a failing call may have reached the peer.
        """
        channel = await self._channel(address)
        try:
            async with asyncio.timeout(settings.CONNECT_S):
                reached = await _connected(channel)
        except TimeoutError:
            reached = False
        if not reached:
            raise Unavailable(f"{address} does not answer", fields={"address": address})
        generated = cluster_pb2_grpc.ClusterStub(channel)  # type: ignore[no-untyped-call] # generated
        return cast("ClusterStub", generated)

    async def _channel(self, address: str) -> grpc.aio.Channel:
        channel = self._open.get(address)
        if channel is None:
            channel = grpc.aio.insecure_channel(address, options=list(settings.CHANNEL_OPTIONS))
            self._open[address] = channel
        self._open.move_to_end(address)
        while len(self._open) > self._limit:
            _, idle = self._open.popitem(last=False)
            await idle.close(grace=settings.FORWARD_CALL_S)
        return channel

    async def close(self) -> None:
        """Close all; calls under way fail."""
        while self._open:
            _, channel = self._open.popitem()
            await channel.close()


async def _connected(channel: grpc.aio.Channel) -> bool:
    """Wait for the connection; False as soon as an attempt has failed."""
    state = channel.get_state(try_to_connect=True)
    while state in (grpc.ChannelConnectivity.IDLE, grpc.ChannelConnectivity.CONNECTING):
        await channel.wait_for_state_change(state)
        state = channel.get_state(try_to_connect=True)
    return state is grpc.ChannelConnectivity.READY
