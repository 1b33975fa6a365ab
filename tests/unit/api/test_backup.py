"""The call that takes a backup."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest

from aether.api.backup import get_backup
from aether.api.call import Answer, Call
from aether.core.model.store_records import BackupRecord
from aether.errors import Unavailable
from aether.store.backup.reader import load_backup
from tests.api_world import NODE, ApiWorld


def noted(world: ApiWorld) -> BackupRecord:
    (record,) = world.backups_noted
    assert (record.node, record.by) == (NODE, "api:anonymous")
    assert record.ended_ms == int(world.now_s * 1000)
    return record


async def test_a_backup_is_streamed_and_verifies(deployed: ApiWorld, tmp_path: Path) -> None:
    data = await deployed.stream("backup")
    (tmp_path / "b").write_bytes(data)
    backup = load_backup(tmp_path / "b")
    assert (backup.head.revision, backup.head.node) == (deployed.store.revision, NODE)
    assert backup.families()["node"] == 2
    assert (noted(deployed).size, noted(deployed).problem) == (len(data), "")


async def test_without_a_quorum_the_answer_is_a_problem(deployed: ApiWorld) -> None:
    deployed.oracle.cut_off(NODE)
    answer = await deployed.call("GET", "backup")
    assert (answer.status, answer.json()["code"]) == (503, "no_quorum")
    assert "majority" in noted(deployed).problem


class Breaking:
    """Gives one piece and no more."""

    async def take(self, timeout_s: float) -> AsyncGenerator[bytes, None]:
        assert timeout_s > 0
        yield b"piece"
        raise Unavailable("the store process ended")


async def broken_backup(world: ApiWorld) -> Answer:
    call = Call(rule="api.backup.take", request_id="r")
    return await get_backup(replace(world.context, backups=Breaking()), call)


async def test_one_that_breaks_off_is_noted_with_why(deployed: ApiWorld) -> None:
    answer = await broken_backup(deployed)
    assert answer.stream is not None
    assert await anext(answer.stream) == b"piece"
    with pytest.raises(Unavailable):
        await anext(answer.stream)
    assert (noted(deployed).size, noted(deployed).problem) == (5, "the store process ended")


async def test_one_whose_reader_leaves_is_noted(deployed: ApiWorld) -> None:
    answer = await broken_backup(deployed)
    assert answer.stream is not None
    assert await anext(answer.stream) == b"piece"
    await answer.stream.aclose()
    assert (noted(deployed).size, noted(deployed).problem) == (0, "it was not taken to its end")
