"""Backups through the socket of the store process: one moment, streamed, never in the way."""

import asyncio
from pathlib import Path

import pytest

from aether.core.model.reason import Reason
from aether.core.store.commands import Put, Txn
from aether.errors import Conflict, NoQuorum, Unavailable
from aether.store.backup.reader import load_backup
from aether.store.process import backups as process_backups
from aether.store.protocol import Backup, Hello, Piece
from aether.store.remote.backup import RemoteBackups
from tests.integration.store_rig import NODE, Rig, rig, until

BY_TEST = Reason("test", "test", "a test wants it so")


def backups_of(made: Rig) -> RemoteBackups:
    return RemoteBackups(path=made.path, node=NODE, cluster_id="one")


async def fill(made: Rig, keys: int = 400, value: bytes = b"v" * 10_000) -> None:
    async with made.client() as store:
        for first in range(0, keys, 50):
            puts = tuple(Put(f"app/{n:05}", value) for n in range(first, first + 50))
            await store.txn(Txn(puts, BY_TEST))


async def test_a_backup_holds_what_was_acknowledged(tmp_path: Path) -> None:
    async with rig() as made:
        await fill(made)
        data = [piece async for piece in backups_of(made).take(5.0)]
        assert len(data) > 10
        (tmp_path / "b").write_bytes(b"".join(data))
        backup = load_backup(tmp_path / "b")
        assert backup.machine.state_hash() == made.machine.state_hash()
        assert (backup.head.cluster_id, backup.head.node) == ("one", NODE)
        assert backup.families() == {"app": 400}


async def test_without_a_quorum_there_is_none() -> None:
    async with rig() as made:
        made.oracle.cut_off(NODE)
        with pytest.raises(NoQuorum):
            await anext(backups_of(made).take(0.5))


async def test_without_a_store_process_it_is_said() -> None:
    async with rig() as made:
        await made.end()
        with pytest.raises(Unavailable, match=r"broke off|did not answer"):
            await anext(backups_of(made).take(0.5))


async def test_a_store_of_another_cluster_is_not_taken() -> None:
    async with rig() as made:
        other = RemoteBackups(path=made.path, node=NODE, cluster_id="two")
        with pytest.raises(Unavailable, match="in place of"):
            await anext(other.take(0.5))


async def test_a_slow_taker_is_waited_for_and_the_store_holds_little() -> None:
    async with rig() as made:
        await fill(made)
        async with made.raw() as slow:
            assert isinstance(await slow.next(), Hello)
            slow.ask(Backup(1, 1_000))
            assert made.server is not None
            connection = next(iter(made.server._connections))
            await until(lambda: connection.backups == 1)
            for _ in range(200):
                await asyncio.sleep(0)
            transport = connection._transport
            assert transport is not None
            # Four megabytes of state; no more than its room waits for the client.
            assert transport.get_write_buffer_size() < 2 * 1024 * 1024
            await fill(made, 50, b"others are served meanwhile")
            last = False
            while not last:
                message = await slow.next()
                last = isinstance(message, Piece) and message.last
            assert connection.backups == 0


async def test_more_than_a_few_at_once_are_refused() -> None:
    async with rig() as made:
        await fill(made)
        taken = [backups_of(made).take(2.0) for _ in range(process_backups.MOST_BACKUPS + 1)]
        for stream in taken[:-1]:
            assert await anext(stream)
        with pytest.raises(Conflict, match="already"):
            await anext(taken[-1])
        for stream in taken:
            await stream.aclose()
        assert made.server is not None
        server = made.server
        await until(lambda: not any(peer.backups for peer in server._connections))
        again = backups_of(made).take(2.0)
        assert await anext(again)
        await again.aclose()


async def test_a_client_that_takes_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    async with rig() as made:
        await fill(made)
        async with made.raw() as slow:
            assert isinstance(await slow.next(), Hello)
            slow.ask(Backup(1, 1_000))
            assert made.server is not None
            connection = next(iter(made.server._connections))
            await until(lambda: connection.backups == 1)
            connection.tell_progress()
            assert connection.backups == 1
            monkeypatch.setattr(process_backups, "STALLED_S", -1.0)
            connection.tell_progress()
            assert await slow.is_closed()
            await until(lambda: connection.backups == 0)


async def test_a_store_that_dies_in_the_middle_breaks_the_backup() -> None:
    async with rig() as made:
        await fill(made)
        stream = backups_of(made).take(2.0)
        assert await anext(stream)
        await made.end()
        with pytest.raises(Unavailable):
            async for _ in stream:
                pass
