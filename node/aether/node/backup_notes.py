"""Writes down what became of each backup, so that it is an event: behind the answer, never before it."""

import asyncio
from collections import deque

import structlog

from aether.core.model import keys
from aether.core.model.reason import Reason
from aether.core.model.records import encode
from aether.core.model.store_records import BackupRecord
from aether.core.store.commands import Put, Txn
from aether.errors import AetherError
from aether.ports import Store

MOST_WAITING = 16
"""Backups that wait to be written down; the oldest give way."""
_WRITE_S = 5.0

_log = structlog.get_logger()


class BackupNotes:
    """What one node handed out. Without a quorum it is logged alone."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: deque[BackupRecord] = deque(maxlen=MOST_WAITING)
        self._news = asyncio.Event()

    def note(self, record: BackupRecord) -> None:
        """Take what became of a backup; it is written down soon."""
        self._waiting.append(record)
        self._news.set()

    async def run(self) -> None:
        """Write down what is noted, until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            await self.write()

    async def write(self) -> None:
        """Write down what waits; what cannot be written is logged and gone."""
        while self._waiting:
            await self._write(self._waiting.popleft())

    async def _write(self, record: BackupRecord) -> None:
        became = record.problem or "whole"
        reason = Reason(record.by, "backup", f"a backup of {record.size} bytes: {became}")
        try:
            await self._store.txn(
                Txn((Put(keys.BACKUP, encode(record)),), reason), timeout_s=_WRITE_S
            )
        except AetherError as problem:
            _log.warning("backup not written down", backup=became, problem=problem.message)
