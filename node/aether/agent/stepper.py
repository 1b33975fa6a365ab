"""One step of one instance, from the launcher's side to the fact in the store.

Each fact is written under two guards: the wish is still the one being answered, and the fact is
still the one this node wrote last. A refused write is no error: the manager looks again.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import msgspec
import structlog

from aether.core.agent.claims import Claims, claim
from aether.core.agent.steps import Step
from aether.core.model import keys
from aether.core.model.ids import InstanceId, NodeId
from aether.core.model.lifecycle import STEP_TIMEOUT_S, Desired, Phase
from aether.core.model.reason import Reason
from aether.core.model.records import (
    ArtifactRecord,
    Failure,
    PhaseRecord,
    Route,
    WantedRecord,
    encode,
)
from aether.core.model.view import ClusterView, project
from aether.core.store.commands import (
    Applied,
    Consistency,
    Delete,
    Guard,
    Operation,
    Put,
    Range,
    Txn,
)
from aether.errors import AetherError, Conflict, Invalid, SliceFailed
from aether.ports import HostExited, HostSpec, HostStatus, Launcher, Store

_log = structlog.get_logger()

DRAIN_GRACE_S = 10.0
"""Longest wait for requests in flight when an instance is deactivated (DESIGN §5)."""

MAX_FAILURE_CHARS = 4_000
"""Longest account of a failure: it goes into the store, and user code may say anything."""

_CLAIM_TRIES = 3

_ON_THE_WAY = frozenset({Phase.LOADING, Phase.LOADED, Phase.ACTIVATING})

Prepare = Callable[[ArtifactRecord], Awaitable[tuple[str, ...]]]
"""Makes an artifact runnable on this node; returns the directories for `sys.path`."""


@dataclass(slots=True)
class _Work:
    """One step under way: what it answers, and what it knows of the keys it writes."""

    instance: InstanceId
    wish: WantedRecord
    wish_revision: int
    phase_revision: int
    before: Failure | None = None
    """Why the try before this one failed; told until this one works."""


@dataclass(slots=True)
class Stepper:
    """Carries steps out for one node."""

    node: NodeId
    incarnation: str
    store: Store
    launcher: Launcher
    prepare: Prepare
    _exits: dict[InstanceId, str] = field(default_factory=dict)
    """Last words of hosts that ended by themselves, until they are reported."""

    def note_exit(self, exited: HostExited) -> None:
        """Keep a host's last words for the failure that will be reported."""
        self._exits[exited.instance] = exited.detail

    def repair(
        self,
        instance: InstanceId,
        wish: WantedRecord | None,
        host: HostStatus | None,
        view: ClusterView,
    ) -> Step | None:
        """Return a step when an ACTIVE instance's routes are not in the store."""
        if host is None or host.state != "active" or wish is None:
            return None
        if wish.desired is not Desired.ACTIVATE:
            return None
        return Step.REPORT_ACTIVE if _claims(host.routes, instance, wish, view).missing else None

    async def carry_out(
        self,
        instance: InstanceId,
        step: Step,
        wish: WantedRecord | None,
        host: HostStatus | None,
        view: ClusterView,
    ) -> None:
        """Do one step and write the fact it leads to.

        A failure of the step itself is written as FAILED; raises AetherError when not even that
        was possible.
        """
        if wish is None or step is Step.UNLOAD:
            await self._unload(instance, wish, view)
            return
        work = _Work(
            instance,
            wish,
            view.revisions.get(keys.wanted(self.node, instance), 0),
            view.revisions.get(keys.phase(self.node, instance), 0),
            phase.failure if (phase := view.phases.get((self.node, instance))) else None,
        )
        try:
            async with asyncio.timeout(STEP_TIMEOUT_S[wish.desired]):
                await self._do(step, work, host, view)
        except _NotWritten:
            raise  # a store that cannot answer is no reason to end a host that serves
        except TimeoutError:
            await self._fail(work, "transient", f"{step} took too long")
        except SliceFailed as problem:
            kind = str(problem.fields.get("kind", "transient"))
            await self._fail(work, kind, problem.message)
        except Invalid as problem:
            await self._fail(work, "fatal", problem.message)
        except AetherError as problem:
            await self._fail(work, "transient", problem.message)

    async def _do(
        self, step: Step, work: _Work, host: HostStatus | None, view: ClusterView
    ) -> None:
        match step:
            case Step.LOAD:
                await self._load(work, view)
            case Step.ACTIVATE:
                await self._activate(work)
            case Step.DEACTIVATE:
                await self._deactivate(work)
            case Step.REPORT_VANISHED:
                last_words = self._exits.pop(work.instance, "the host is gone")
                await self._fail(work, "transient", last_words)
            case Step.REPORT_LOADED:
                await self._report(work, Phase.LOADED, host)
            case Step.REPORT_ACTIVE | Step.UNLOAD:
                if host is not None:
                    await self._report_active(work, host)

    async def _load(self, work: _Work, view: ClusterView) -> None:
        await self._report(work, Phase.LOADING, None)
        artifact = work.instance.artifact
        record = view.artifacts.get(artifact)
        if record is None:
            raise Invalid(f"artifact {artifact} is not in the cluster")
        paths = await self.prepare(record)
        await self.launcher.unload(work.instance)
        self._exits.pop(work.instance, None)
        host = await self.launcher.load(
            HostSpec(
                instance=work.instance,
                generation=work.wish.generation,
                manifest=record.manifest,
                paths=paths,
                token=secrets.token_hex(16),
                config=msgspec.json.encode(dict(work.wish.config)),
            )
        )
        await self._report(work, Phase.LOADED, host)

    async def _activate(self, work: _Work) -> None:
        await self._report(work, Phase.ACTIVATING, None)
        timeout_s = STEP_TIMEOUT_S[Desired.ACTIVATE]
        host = await self.launcher.activate(work.instance, timeout_s)
        await self._report_active(work, host)

    async def _deactivate(self, work: _Work) -> None:
        await self._report(work, Phase.DEACTIVATING, None)
        host = await self.launcher.deactivate(work.instance, DRAIN_GRACE_S)
        await self._report(work, Phase.LOADED, host)

    async def _report_active(self, work: _Work, host: HostStatus) -> None:
        """Write ACTIVE and claim the routes in one transaction: never a route nobody answers.

        Instances of one slice that become ready together race for the same routes; who loses
        finds them claimed on the next try.
        """
        for _ in range(_CLAIM_TRIES - 1):
            try:
                return await self._claim_and_report(work, host)
            except _NotWritten as problem:
                _log.info("claiming routes again", instance=work.instance, why=problem.message)
        return await self._claim_and_report(work, host)

    async def _claim_and_report(self, work: _Work, host: HostStatus) -> None:
        view = _routes_view(self.store.level((keys.ROUTES,)))
        claims = _claims(host.routes, work.instance, work.wish, view)
        if claims.conflicts:
            await self.launcher.unload(work.instance)
            await self._fail(work, "fatal", "; ".join(claims.conflicts))
            return
        missing = {keys.route(*name): encode(record) for name, record in claims.missing.items()}
        guards = tuple(Guard(key, view.revisions.get(key, 0)) for key in missing)
        puts = tuple(Put(key, value) for key, value in missing.items())
        await self._report(work, Phase.ACTIVE, host, also=puts, guards=guards)

    async def _report(
        self,
        work: _Work,
        state: Phase,
        host: HostStatus | None,
        *,
        failure: Failure | None = None,
        also: tuple[Operation, ...] = (),
        guards: tuple[Guard, ...] = (),
    ) -> None:
        """Write a fact; raise _NotWritten when the store did not take it."""
        retold = work.before if state in _ON_THE_WAY else None
        record = PhaseRecord(
            state=state,
            observed_generation=work.wish.generation,
            incarnation=self.incarnation,
            socket=host.socket if host and state is Phase.ACTIVE else "",
            methods=host.methods if host else (),
            routes=host.routes if host else (),
            failure=failure or retold,
        )
        key = keys.phase(self.node, work.instance)
        wish_key = keys.wanted(self.node, work.instance)
        txn = Txn(
            then=(Put(key, encode(record)), *also),
            reason=self._reason(work.instance, state, failure),
            guards=(Guard(wish_key, work.wish_revision), Guard(key, work.phase_revision), *guards),
        )
        what = f"{state} of {work.instance} was not written"
        try:
            outcome = await self.store.txn(txn)
        except AetherError as problem:
            raise _NotWritten(f"{what}: {problem.message}") from problem
        if not isinstance(outcome, Applied):
            raise _NotWritten(f"{what}: {', '.join(guard.key for guard in outcome.failed)} changed")
        work.phase_revision = outcome.revision

    def _reason(self, instance: InstanceId, state: Phase, failure: Failure | None) -> Reason:
        text = f"{instance} is {state} on {self.node}"
        if failure is not None:
            text = f"{text} ({failure.kind}): {failure.message}"
        return Reason(f"node:{self.node}", "phase", text)

    async def _fail(self, work: _Work, kind: str, message: str) -> None:
        told = _told(message.removeprefix(f"{work.instance}: "))
        failure = Failure(kind="fatal" if kind == "fatal" else "transient", message=told)
        _log.warning("instance failed", instance=work.instance, kind=kind, why=told)
        await self.launcher.unload(work.instance)
        await self._report(work, Phase.FAILED, None, failure=failure)

    async def _unload(
        self, instance: InstanceId, wish: WantedRecord | None, view: ClusterView
    ) -> None:
        """End the host, then remove the fact, in this order: no fact means no process."""
        await self.launcher.unload(instance)
        self._exits.pop(instance, None)
        key = keys.phase(self.node, instance)
        entry = await self.store.get(key, consistency=Consistency.STALE)
        if entry is None:
            return
        wish_key = keys.wanted(self.node, instance)
        await self.store.txn(
            Txn(
                then=(Delete(key),),
                reason=Reason(f"node:{self.node}", "phase", f"{instance} is gone from {self.node}"),
                guards=(
                    Guard(wish_key, view.revisions.get(wish_key, 0) if wish else 0),
                    Guard(key, entry.mod_revision),
                ),
            )
        )


class _NotWritten(Conflict):
    """The fact is not in the store; the step itself may well have worked. Look again."""

    code = "not_written"


def _told(message: str) -> str:
    """Keep both ends of what is too long: it begins with what failed and ends with why."""
    half = MAX_FAILURE_CHARS // 2
    missing = len(message) - 2 * half
    if missing <= 0:
        return message
    return f"{message[:half]}… {missing} characters left out …{message[-half:]}"


def _claims(
    routes: tuple[Route, ...], instance: InstanceId, wish: WantedRecord, view: ClusterView
) -> Claims:
    return claim(instance.base, routes, wish.timeout_s, view.routes)


def _routes_view(level: Range) -> ClusterView:
    return project(
        ((entry.key, entry.value, entry.mod_revision) for entry in level.entries), level.revision
    )
