"""What became of backups is written down behind their answers."""

from collections.abc import AsyncIterator

import pytest

from aether.core.model import keys
from aether.core.model.records import decode
from aether.core.model.store_records import BackupRecord
from aether.node.backup_notes import BackupNotes
from aether.tasks import Tasks
from tests.api_world import NODE, ApiWorld
from tests.integration.rpc_nodes import eventually

WHOLE = BackupRecord(node=NODE, by="api:me", ended_ms=1, size=10)
BROKEN = BackupRecord(node=NODE, by="api:me", ended_ms=1, size=0, problem="nobody leads")


@pytest.fixture
async def world() -> AsyncIterator[ApiWorld]:
    made = ApiWorld()
    await made.start()
    yield made
    await made.stop()


async def written(world: ApiWorld) -> BackupRecord | None:
    entry = await world.store.get(keys.BACKUP)
    return decode(entry.value, BackupRecord) if entry is not None else None


async def test_a_note_is_written_soon(world: ApiWorld) -> None:
    tasks, notes = Tasks(), BackupNotes(world.store)
    tasks.start("notes", notes.run())
    notes.note(WHOLE)
    await eventually(lambda: len(world.store.level((keys.BACKUP,)).entries) == 1)
    assert await written(world) == WHOLE
    await tasks.stop()


async def test_without_a_quorum_it_is_given_up_and_the_next_one_is_written(world: ApiWorld) -> None:
    notes = BackupNotes(world.store)
    world.oracle.cut_off(NODE)
    notes.note(BROKEN)
    await notes.write()
    world.oracle.reconnect(NODE)
    await notes.write()
    assert await written(world) is None
    notes.note(WHOLE)
    await notes.write()
    assert await written(world) == WHOLE
