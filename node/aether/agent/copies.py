"""Keeps the copies of artifacts: this node's part of having every wheel on three nodes.

Decisions are `aether.core.agent.copies`; this looks, fetches one wheel at a time and writes who
holds it, guarded by the record it saw.
"""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Protocol

import structlog

from aether.core.agent import copies as decide
from aether.core.agent.copies import CopyQuestion, CopyStep
from aether.core.model import keys
from aether.core.model.ids import Artifact, NodeId
from aether.core.model.reason import Reason
from aether.core.model.records import ArtifactRecord, encode
from aether.core.model.view import ClusterView, project
from aether.core.store.commands import Applied, Guard, Put, Txn
from aether.errors import AetherError
from aether.ports import ArtifactSource, Clock, Store
from aether.wakeups import Wakeups

_log = structlog.get_logger()

PERIOD_S = 5.0
"""Between two looks when nothing changes."""
PATIENCE_S = 15.0
"""How long the first in line have to take a copy before one more node may."""
BACK_OFF_FIRST_S = 1.0
BACK_OFF_MOST_S = 60.0
_WATCHED = (keys.ARTIFACTS, keys.NODES, keys.VERDICTS)


class Wheels(Protocol):
    """The wheels of this node, by digest; `artifacts.repository.Shelf` keeps them on disk."""

    async def held(self, digests: Collection[str]) -> frozenset[str]:
        """Return which of the wheels are here."""
        ...

    async def put(self, wheel: bytes, digest: str) -> None:
        """Keep a wheel; raises DigestMismatch or OSError."""
        ...


@dataclass(frozen=True, slots=True)
class _Short:
    """A wheel of which copies lack."""

    since: float
    failures: int = 0
    retry_at: float = 0.0


class Copies:
    """Runs on every node. What it remembers is bounded by the artifacts of the cluster."""

    def __init__(
        self,
        node: NodeId,
        store: Store,
        wheels: Wheels,
        source: ArtifactSource,
        clock: Clock,
    ) -> None:
        self._node = node
        self._store = store
        self._wheels = wheels
        self._source = source
        self._clock = clock
        self._wakeups = Wakeups(clock, PERIOD_S)
        self._short: dict[Artifact, _Short] = {}

    async def run(self) -> None:
        """Look whenever something changed, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._wakeups.follow(self._store, _WATCHED))
            while True:
                await self._wakeups.wait()
                await self.look()

    async def look(self) -> None:
        """Do what is due for each wheel, one after the other."""
        view = self._view()
        if self._node not in view.nodes:
            return
        try:
            here = await self._wheels.held({record.digest for record in view.artifacts.values()})
        except OSError as problem:  # says nothing about what is here: looked at again
            _log.warning("copies cannot be looked at", problem=str(problem))
            return
        staying, on_duty = decide.staying_nodes(view), decide.nodes_on_duty(view)
        self._note(view, staying, here)
        for artifact, record in sorted(view.artifacts.items()):
            question = CopyQuestion(
                me=self._node,
                digest=record.digest,
                holders=record.holders,
                staying=staying,
                on_duty=on_duty,
                is_here=record.digest in here,
                patience=self._patience(artifact),
            )
            await self._carry_out(decide.decide(question), artifact, record, view)

    def only_here(self) -> tuple[Artifact, ...]:
        """Return the artifacts that must be copied before this node may go."""
        return decide.only_here(self._view(), self._node)

    def _view(self) -> ClusterView:
        level = self._store.level(_WATCHED)
        return project(
            ((entry.key, entry.value, entry.mod_revision) for entry in level.entries),
            level.revision,
        )

    def _note(self, view: ClusterView, staying: tuple[NodeId, ...], here: frozenset[str]) -> None:
        """Remember since when which wheels have too few copies."""
        now, short = self._clock.now(), {}
        for artifact, record in view.artifacts.items():
            is_here = record.digest in here
            holders = record.holders if is_here else decide.unlisted(record, self._node)
            if decide.copies_lacking(holders, staying):
                short[artifact] = self._short.get(artifact, _Short(now))
        self._short = short

    def _patience(self, artifact: Artifact) -> int:
        short = self._short.get(artifact)
        return int((self._clock.now() - short.since) / PATIENCE_S) if short is not None else 0

    async def _carry_out(
        self, step: CopyStep, artifact: Artifact, record: ArtifactRecord, view: ClusterView
    ) -> None:
        match step:
            case CopyStep.TAKE:
                if await self._fetched(artifact, record):
                    await self._write(artifact, record, view, step)
            case CopyStep.CLAIM | CopyStep.LEAVE:
                await self._write(artifact, record, view, step)
            case CopyStep.NOTHING:
                pass

    async def _fetched(self, artifact: Artifact, record: ArtifactRecord) -> bool:
        """Fetch a wheel and keep it; after a failure not again before its back-off is over."""
        now = self._clock.now()
        short = self._short.get(artifact, _Short(now))
        if now < short.retry_at:
            return False
        try:
            wheel = await self._source.fetch(artifact, record)
            await self._wheels.put(wheel, record.digest)
        except (AetherError, OSError) as problem:
            wait = min(BACK_OFF_MOST_S, BACK_OFF_FIRST_S * 2**short.failures)
            self._short[artifact] = replace(
                short, failures=min(short.failures + 1, 10), retry_at=now + wait
            )
            _log.warning("no copy taken", artifact=artifact, problem=str(problem), again_in_s=wait)
            return False
        _log.info("copy taken", artifact=artifact, size=record.size)
        return True

    async def _write(
        self, artifact: Artifact, record: ArtifactRecord, view: ClusterView, step: CopyStep
    ) -> None:
        """Say in the record whether this node holds the wheel, unless the record has changed since."""
        leaves = step is CopyStep.LEAVE
        if leaves:
            holders = decide.unlisted(record, self._node)
            text = f"{self._node} has lost its copy of {artifact}"
        else:
            holders = decide.listed(record, self._node, view)
            text = f"{self._node} holds a copy of {artifact}"
        key = keys.artifact(artifact)
        txn = Txn(
            then=(Put(key, encode(replace(record, holders=holders))),),
            reason=Reason(f"node:{self._node}", "artifact.copy", text, {"step": step.value}),
            guards=(Guard(key, view.revisions[key]),),
        )
        try:
            outcome = await self._store.txn(txn)
        except AetherError as problem:
            _log.info("holders not written yet", artifact=artifact, problem=problem.message)
            return
        if isinstance(outcome, Applied):
            _log.info("holders changed", artifact=artifact, holders=list(holders))
