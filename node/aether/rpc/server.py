"""The gRPC server of a node: takes protobuf off the wire and lets the handlers answer."""

from collections.abc import AsyncIterator, Awaitable
from typing import Any, TypeVar

import grpc
import structlog

from aether.errors import AetherError, ConfigInvalid, Invalid, TooLarge
from aether.proto.v1 import cluster_pb2 as pb
from aether.proto.v1 import cluster_pb2_grpc
from aether.rpc import settings, values
from aether.rpc.handlers import ClusterHandlers
from aether.rpc.status import to_status
from aether.tasks import Tasks

_T = TypeVar("_T")
Context = grpc.aio.ServicerContext[Any, Any]  # the same for every kind of message
_DIGEST_CHARACTERS = frozenset("0123456789abcdef")

log = structlog.get_logger()


class ClusterServer:
    """Answers peers on one port. `port` 0 takes a free one; `port` then says which."""

    def __init__(self, bind_host: str, port: int, handlers: ClusterHandlers) -> None:
        self._host = bind_host
        self.port = port
        self._handlers = handlers
        self._server: grpc.aio.Server | None = None

    async def start(self) -> None:
        """Listen; raise ConfigInvalid naming the port when it cannot be had."""
        server = grpc.aio.server(
            options=list(settings.SERVER_OPTIONS), maximum_concurrent_rpcs=settings.MAX_CALLS
        )
        service = _Service(self._handlers)
        cluster_pb2_grpc.add_ClusterServicer_to_server(service, server)  # type: ignore[no-untyped-call] # generated
        host = f"[{self._host}]" if ":" in self._host else self._host
        try:
            self.port = server.add_insecure_port(f"{host}:{self.port}")
        except RuntimeError as problem:
            await server.stop(None)
            raise ConfigInvalid(
                [
                    f"cluster port {self.port} on {self._host} cannot be opened ({problem}); "
                    "stop what uses it or choose another (--cluster-port)"
                ]
            ) from problem
        await server.start()
        self._server = server

    async def stop(self, grace_s: float = 1.0) -> None:
        """Refuse new calls, let running ones end for `grace_s` seconds, then cut them off."""
        if self._server is not None:
            server, self._server = self._server, None
            await server.stop(grace_s)


class _Service(cluster_pb2_grpc.ClusterServicer):
    """One method per call of the service; refusals leave through `_answered`."""

    def __init__(self, handlers: ClusterHandlers) -> None:
        self._handlers = handlers

    async def Announce(  # noqa: N802 - the generated base class names it
        self, request: pb.Announcement, context: Context
    ) -> pb.Announcement:
        async def answer() -> pb.Announcement:
            message = values.announcement_from_wire(request)
            return values.announcement_to_wire(await self._handlers.announce(message))

        return await _answered("Announce", context, answer())

    async def Found(  # noqa: N802 - see Announce
        self, request: pb.Proposal, context: Context
    ) -> pb.FoundingAnswer:
        async def answer() -> pb.FoundingAnswer:
            proposal = values.proposal_from_wire(request)
            return values.answer_to_wire(await self._handlers.found(proposal))

        return await _answered("Found", context, answer())

    async def Join(  # noqa: N802 - see Announce
        self, request: pb.Node, context: Context
    ) -> pb.Formed:
        async def answer() -> pb.Formed:
            node = values.node_from_wire(request)
            return values.formed_to_wire(await self._handlers.join(node))

        return await _answered("Join", context, answer())

    async def Forward(  # noqa: N802 - see Announce
        self, request: pb.ApiRequest, context: Context
    ) -> pb.ApiResponse:
        async def answer() -> pb.ApiResponse:
            response = await self._handlers.forward(values.request_from_wire(request))
            if len(response.body) > settings.MAX_BODY_BYTES:
                raise TooLarge(
                    f"the answer to {request.method} {request.path} has {len(response.body)} "
                    f"bytes, the most is {settings.MAX_BODY_BYTES}; ask for less (limit=)"
                )
            return values.response_to_wire(response)

        return await _answered("Forward", context, answer())

    async def Report(  # noqa: N802 - see Announce
        self, request: AsyncIterator[pb.NodeReport], context: Context
    ) -> None:
        async def answer() -> None:
            # Reports are taken as they come, whatever becomes of what is sent back.
            sharing, shares = Tasks(on_failure=_log_unshared), False
            try:
                async for message in request:
                    await self._handlers.report(values.report_from_wire(message))
                    if not shares:
                        shares = True
                        sharing.start("share aggregates", self._share(context))
            finally:
                await sharing.stop()

        await _answered("Report", context, answer())

    async def _share(self, context: Context) -> None:
        async for packed in self._handlers.aggregates():
            await context.write(pb.ReportAnswer(aggregate=packed))

    async def FetchArtifact(  # noqa: N802 - see Announce
        self, request: pb.ArtifactDigest, context: Context
    ) -> AsyncIterator[pb.ArtifactChunk]:
        try:
            chunks = self._handlers.artifact_chunks(_digest(request.digest))
            async for data in chunks:
                for start in range(0, len(data), settings.CHUNK_BYTES):
                    yield pb.ArtifactChunk(data=data[start : start + settings.CHUNK_BYTES])
        except AetherError as error:
            await _abort(context, error)

    async def Replicate(  # noqa: N802 - see Announce
        self, request: pb.ReplicateRequest, context: Context
    ) -> pb.ReplicateAnswer:
        async def answer() -> pb.ReplicateAnswer:
            artifact, record, source = values.replicate_from_wire(request)
            stored = await self._handlers.replicate(artifact, record, source)
            return pb.ReplicateAnswer(stored=stored)

        return await _answered("Replicate", context, answer())


def _log_unshared(_: str, failure: BaseException) -> None:
    log.info("rpc.aggregates_unshared", problem=repr(failure))


def _digest(text: str) -> str:
    if len(text) != 64 or not _DIGEST_CHARACTERS.issuperset(text):
        raise Invalid(f"{text[:80]!r} is not a digest: expected 64 lower-case hex digits")
    return text


async def _answered(call: str, context: Context, answer: Awaitable[_T]) -> _T:
    """Return the answer, or end the call with the error's status; defects are logged in full."""
    try:
        return await answer
    except AetherError as error:
        await _abort(context, error)
    except Exception:
        log.exception("rpc.call_failed", call=call, peer=context.peer())
        await context.abort(grpc.StatusCode.INTERNAL, f"{call} failed here; the log says why")
    raise AssertionError("abort raises")


async def _abort(context: Context, error: AetherError) -> None:
    code, message, metadata = to_status(error)
    await context.abort(code, message, metadata)
