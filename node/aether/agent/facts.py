"""Facts of one instance, written as the lifecycle allows and guarded twice.

A fact is written while the wish is still the one being answered, and while the fact is still the
one this node wrote last. A refused write is no error: the manager looks again.
"""

from dataclasses import dataclass

from aether.core.model import keys
from aether.core.model.ids import InstanceId, NodeId
from aether.core.model.lifecycle import Desired, Event, Phase, advance
from aether.core.model.reason import Reason
from aether.core.model.records import Failure, PhaseRecord, WantedRecord, encode
from aether.core.model.view import ClusterView
from aether.core.store.commands import Applied, Delete, Guard, Operation, Put, Txn
from aether.errors import AetherError, Conflict
from aether.ports import HostStatus, Store

_ON_THE_WAY = frozenset({Phase.LOADING, Phase.LOADED, Phase.ACTIVATING})
"""Phases that still tell why the try before failed."""


class NotWritten(Conflict):
    """The fact is not in the store; the step itself may well have worked. Look again."""

    code = "not_written"


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes: one life of one node."""

    node: NodeId
    incarnation: str
    store: Store

    def open(self, instance: InstanceId, wish: WantedRecord, view: ClusterView) -> "Fact":
        """Return the instance's fact as the view has it, to be moved on in answer to `wish`."""
        known = view.phases.get((self.node, instance))
        current = known is not None and known.incarnation == self.incarnation
        return Fact(
            writer=self,
            instance=instance,
            wish=wish,
            wish_revision=view.revisions.get(keys.wanted(self.node, instance), 0),
            revision=view.revisions.get(keys.phase(self.node, instance), 0),
            phase=known.state if known is not None and current else None,
            before=known.failure if known is not None else None,
        )


@dataclass(slots=True, kw_only=True)
class Fact:
    """What this node says of one instance while it answers one wish."""

    writer: Writer
    instance: InstanceId
    wish: WantedRecord
    wish_revision: int
    revision: int
    phase: Phase | None
    before: Failure | None
    """Why the try before this one failed; told until this one works."""

    async def move(
        self,
        step: Desired,
        event: Event,
        host: HostStatus | None = None,
        *,
        failure: Failure | None = None,
        also: tuple[Put, ...] = (),
        guards: tuple[Guard, ...] = (),
    ) -> None:
        """Write the phase that follows; `also` and `guards` join the same transaction.

        Raises NotWritten when the store did not take it, KeyError for a transition the lifecycle
        does not have: that is a bug.
        """
        state = advance(self.phase, step, event)
        if state is None:
            await self._write((Delete(self._key),), f"is gone from {self.writer.node}", guards)
        else:
            record = self._record(state, host, failure)
            text = f"is {state} on {self.writer.node}"
            if failure is not None:
                text = f"{text} ({failure.kind}): {failure.message}"
            await self._write((Put(self._key, encode(record)), *also), text, guards)
        self.phase = state

    def _record(
        self, state: Phase, host: HostStatus | None, failure: Failure | None
    ) -> PhaseRecord:
        return PhaseRecord(
            state=state,
            observed_generation=self.wish.generation,
            incarnation=self.writer.incarnation,
            socket=host.socket if host and state is Phase.ACTIVE else "",
            methods=host.methods if host else (),
            routes=host.routes if host else (),
            failure=failure or (self.before if state in _ON_THE_WAY else None),
            settings_problem=host.settings_problem if host else "",
        )

    @property
    def _key(self) -> str:
        return keys.phase(self.writer.node, self.instance)

    async def _write(
        self, operations: tuple[Operation, ...], text: str, guards: tuple[Guard, ...]
    ) -> None:
        wish_key = keys.wanted(self.writer.node, self.instance)
        own = (Guard(wish_key, self.wish_revision), Guard(self._key, self.revision))
        reason = Reason(f"node:{self.writer.node}", "phase", f"{self.instance} {text}")
        what = f"that {self.instance} {text.partition(':')[0]} was not written"
        try:
            outcome = await self.writer.store.txn(Txn(operations, reason, (*own, *guards)))
        except AetherError as problem:
            raise NotWritten(f"{what}: {problem.message}") from problem
        if not isinstance(outcome, Applied):
            changed = ", ".join(guard.key for guard in outcome.failed)
            raise NotWritten(f"{what}: {changed} changed")
        self.revision = outcome.revision
