"""Taking a backup: one file, streamed."""

from collections.abc import AsyncGenerator

from aether.api.call import Answer, Call, Context
from aether.api.endpoint import Endpoint, v1

BEGIN_S = 10.0
"""Longest wait for a quorum to confirm what the backup must hold."""


async def get_backup(context: Context, call: Call) -> Answer:  # noqa: ARG001 - a handler's signature
    """Answer with everything the store holds, as of now."""
    pieces = context.backups.take(BEGIN_S)
    # The first one is awaited here, so that what keeps a backup from beginning is a proper error.
    first = await anext(pieces)
    return Answer(value=None, stream=_all(first, pieces))


async def _all(first: bytes, pieces: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    try:
        yield first
        async for piece in pieces:
            yield piece
    finally:
        await pieces.aclose()


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET", path=v1("backup"), name="backup.take", handler=get_backup,
        answers="one file with everything the store holds, streamed; see the guide",
        role="admin",
    ),
)  # fmt: skip
