"""Asks the NodeProvider for the nodes the leader wants: `provision/` records in, calls out.

`core.control.healing` decides which node is wanted and when it is given up; this asks once for every
state of a record, after its back-off, and writes down what went wrong. A new leader asks again for what
the old one asked for: providers start a node of one name once.
"""

import asyncio
from dataclasses import dataclass, replace

import structlog

from aether.config.runtime_settings import control_settings
from aether.core.control.healing import call_after_s
from aether.core.control.signals import ControlSettings
from aether.core.model import keys
from aether.core.model.ids import NodeId
from aether.core.model.provision_records import ProvisionRecord
from aether.core.model.reason import Reason
from aether.core.model.records import encode
from aether.core.model.view import project
from aether.core.store.commands import Applied, Guard, Put, Txn
from aether.errors import AetherError
from aether.ports import Clock, NodeProvider, Store
from aether.wakeups import Wakeups

_log = structlog.get_logger()

PERIOD_S = 1.0
MOST_CALL_S = 150.0
"""Longest wait for a provider, whatever it thinks of its own limit."""
MAX_PROBLEM = 300
"""Longest sentence kept about a failure, in characters."""


@dataclass(slots=True)
class _Seen:
    """A record as this leader first saw it."""

    revision: int
    at: float
    is_asked: bool = False


class Providing:
    """Runs on every node that has a provider; acts only while this node leads."""

    def __init__(
        self,
        node: NodeId,
        store: Store,
        provider: NodeProvider,
        clock: Clock,
        settings: ControlSettings,
    ) -> None:
        self._node = node
        self._store = store
        self._provider = provider
        self._clock = clock
        self._settings = settings
        self._wakeups = Wakeups(clock, PERIOD_S)
        self._seen: dict[NodeId, _Seen] = {}
        self._epoch_revision = 0

    async def run(self) -> None:
        """Look whenever a record changed and once a period, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._wakeups.follow(self._store, (keys.PROVISIONS,)))
            while True:
                await self._wakeups.wait()
                await self.look()

    async def look(self) -> None:
        """Ask for each node that is due."""
        if self._store.leader != self._node:
            self._seen.clear()
            return
        level = self._store.level((keys.PROVISIONS, keys.CONFIG, keys.EPOCH))
        entries = ((entry.key, entry.value, entry.mod_revision) for entry in level.entries)
        view, now = project(entries, level.revision), self._clock.now()
        if view.epoch is None or view.epoch.leader != self._node:
            return  # the reign has not begun: whoever led before may be asking still
        self._epoch_revision = view.revisions[keys.EPOCH]
        settings = control_settings(self._settings, view.config)
        self._seen = {
            node: self._noted(node, view.revisions[keys.provision(node)], now)
            for node in sorted(view.provisions)
        }
        for node, seen in self._seen.items():
            record = view.provisions[node]
            is_given_up = record.attempt >= settings.provision_tries
            due = now >= seen.at + call_after_s(record.attempt, settings)
            if due and not seen.is_asked and not is_given_up:
                seen.is_asked = True
                await self._ask(node, record, seen.revision)

    def _noted(self, node: NodeId, revision: int, now: float) -> _Seen:
        known = self._seen.get(node)
        return known if known is not None and known.revision == revision else _Seen(revision, now)

    async def _ask(self, node: NodeId, record: ProvisionRecord, revision: int) -> None:
        try:
            async with asyncio.timeout(MOST_CALL_S):
                await self._provider.provide(node)
        except AetherError as problem:
            await self._note_failure(node, record, revision, problem.message)
        except TimeoutError:
            late = f"the provider did not answer in {MOST_CALL_S:g} s"
            await self._note_failure(node, record, revision, late)
        else:
            _log.info("node asked for", node=node, attempt=record.attempt)

    async def _note_failure(
        self, node: NodeId, record: ProvisionRecord, revision: int, problem: str
    ) -> None:
        """Count the failure, unless the record has changed since: then it is about another state."""
        _log.warning("node not provided", node=node, attempt=record.attempt, problem=problem)
        failed = replace(record, attempt=record.attempt + 1, problem=problem[:MAX_PROBLEM])
        key = keys.provision(node)
        txn = Txn(
            then=(Put(key, encode(failed)),),
            reason=Reason(f"leader:{self._node}", "provider", f"{node}: {failed.problem}"),
            guards=(Guard(keys.EPOCH, self._epoch_revision), Guard(key, revision)),
        )
        try:
            outcome = await self._store.txn(txn)
            unwritten = "" if isinstance(outcome, Applied) else "another epoch or state stands"
        except AetherError as broken:
            unwritten = broken.message
        if unwritten:
            _log.warning("failure not written down", node=node, problem=unwritten)
            seen = self._seen.get(node)
            if seen is not None:
                seen.is_asked = False  # asked again: better twice than never
