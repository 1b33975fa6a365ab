"""The call that takes a backup."""

from pathlib import Path

from aether.store.backup.reader import load_backup
from tests.api_world import NODE, ApiWorld


async def test_a_backup_is_streamed_and_verifies(deployed: ApiWorld, tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(await deployed.stream("backup"))
    backup = load_backup(tmp_path / "b")
    assert (backup.head.revision, backup.head.node) == (deployed.store.revision, NODE)
    assert backup.families()["node"] == 2


async def test_without_a_quorum_the_answer_is_a_problem(deployed: ApiWorld) -> None:
    deployed.oracle.cut_off(NODE)
    answer = await deployed.call("GET", "backup")
    assert (answer.status, answer.json()["code"]) == (503, "no_quorum")
