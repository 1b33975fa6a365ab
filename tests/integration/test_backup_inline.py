"""Backups of a store that runs in this process."""

from pathlib import Path

import pytest

from aether.core.model.reason import Reason
from aether.core.store.commands import Put, Txn
from aether.errors import NoQuorum
from aether.store.backup.inline import InlineBackups
from aether.store.backup.reader import load_backup
from tests.integration.store_rig import NODE, Rig, rig

BY_TEST = Reason("test", "test", "a test wants it so")


def backups_of(made: Rig) -> InlineBackups:
    assert made.consensus is not None
    return InlineBackups(
        consensus=made.consensus, machine=made.machine, node=NODE, cluster_id="one"
    )


async def test_a_backup_holds_what_was_acknowledged(tmp_path: Path) -> None:
    async with rig() as made:
        async with made.client() as store:
            puts = tuple(Put(f"app/{n:05}", b"v" * 1000) for n in range(400))
            await store.txn(Txn(puts, BY_TEST))
        (tmp_path / "b").write_bytes(b"".join([piece async for piece in backups_of(made).take(5)]))
        backup = load_backup(tmp_path / "b")
        assert backup.machine.state_hash() == made.machine.state_hash()
        assert (backup.head.cluster_id, backup.head.node) == ("one", NODE)


async def test_without_a_quorum_there_is_none() -> None:
    async with rig() as made:
        made.oracle.cut_off(NODE)
        with pytest.raises(NoQuorum):
            await anext(backups_of(made).take(0.5))
