"""Taking a backup: one file, streamed."""

from collections.abc import AsyncGenerator

from aether.api.call import Answer, Call, Context
from aether.api.endpoint import Endpoint, v1
from aether.core.model.store_records import BackupRecord
from aether.errors import AetherError

BEGIN_S = 10.0
"""Longest wait for a quorum to confirm what the backup must hold."""
_LEFT = "it was not taken to its end"


async def get_backup(context: Context, call: Call) -> Answer:
    """Answer with everything the store holds, as of now."""
    pieces = context.backups.take(BEGIN_S)
    # The first one is awaited here, so that what keeps a backup from beginning is a proper error.
    try:
        first = await anext(pieces)
    except AetherError as problem:
        _note(context, call, 0, problem.message)
        raise
    return Answer(value=None, stream=_all(context, call, first, pieces))


async def _all(
    context: Context, call: Call, first: bytes, pieces: AsyncGenerator[bytes, None]
) -> AsyncGenerator[bytes, None]:
    size, problem = 0, _LEFT
    try:
        yield first
        size = len(first)
        async for piece in pieces:
            yield piece
            size += len(piece)
        problem = ""
    except AetherError as broken:
        problem = broken.message
        raise
    finally:
        await pieces.aclose()
        _note(context, call, size, problem)


def _note(context: Context, call: Call, size: int, problem: str) -> None:
    ended_ms = int(context.wall() * 1000)
    record = BackupRecord(
        node=context.node, by=call.actor, ended_ms=ended_ms, size=size, problem=problem
    )
    context.note_backup(record)


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET", path=v1("backup"), name="backup.take", handler=get_backup,
        answers="one file with everything the store holds, streamed; see the guide",
        role="admin",
    ),
)  # fmt: skip
