"""One step of one instance, from the launcher's side to the fact in the store."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

from aether.agent.facts import Fact, NotWritten, Writer
from aether.config.runtime_settings import DRAIN_GRACE, SETTINGS
from aether.core.agent.claims import Claims, claim
from aether.core.agent.steps import Step
from aether.core.model import keys
from aether.core.model.ids import InstanceId, NodeId, SliceBase
from aether.core.model.lifecycle import STEP_TIMEOUT_S, Desired, Event
from aether.core.model.reason import Reason
from aether.core.model.records import ArtifactRecord, Failure, Route, WantedRecord, encode
from aether.core.model.slice_settings import Overrides, changed_settings, slice_settings
from aether.core.model.view import ClusterView, project
from aether.core.store.commands import Consistency, Delete, Guard, Put, Range, Txn
from aether.errors import AetherError, Invalid, SliceFailed
from aether.ports import HostExited, HostSpec, HostStatus, Launcher, Store

_log = structlog.get_logger()

DRAIN_GRACE_S = float(SETTINGS[DRAIN_GRACE].default)

TABLE_S = 2.0
"""Longest wait for the routers of this node to know that an instance leaves."""
_TABLE_STEP_S = 0.02

MAX_FAILURE_CHARS = 4_000
"""Longest account of a failure: it goes into the store, and user code may say anything."""

_CLAIM_TRIES = 3

Prepare = Callable[[ArtifactRecord], Awaitable[tuple[str, ...]]]
"""Makes an artifact runnable on this node; returns the directories for `sys.path`."""


@dataclass(slots=True)
class Stepper:
    """Carries steps out for one node."""

    node: NodeId
    incarnation: str
    store: Store
    launcher: Launcher
    prepare: Prepare
    table_revision: Callable[[], int | None] = lambda: None
    """Store revision every router of this node knows; None while there is no router."""
    drain_grace_s: Callable[[Overrides], float] = lambda _: DRAIN_GRACE_S
    """Longest wait for requests in flight when an instance is deactivated, as it is set now."""
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
        """Return a step when routes of an ACTIVE instance, or what it says of its settings, are not told."""
        fact = view.phases.get((self.node, instance))
        if host is None or wish is None or wish.desired is Desired.UNLOAD:
            return None
        is_told = fact is None or fact.settings_problem == host.settings_problem
        if host.state == "loaded" and wish.desired is not Desired.ACTIVATE:
            return None if is_told else Step.REPORT_LOADED
        if host.state != "active" or wish.desired is not Desired.ACTIVATE:
            return None
        claims = _claims(host.routes, instance, wish, view)
        return Step.REPORT_ACTIVE if claims.missing or not is_told else None

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
        if wish is None:
            await self._end_unwished(instance)
            return
        if step is Step.CONFIGURE:  # what goes wrong here ends no host: it is tried again
            await self.launcher.configure(instance, settings_of(instance, wish, view))
            return
        fact = Writer(self.node, self.incarnation, self.store).open(instance, wish, view)
        # After a restart of the node an instance is loaded although ACTIVATE is asked of it.
        limit_s = STEP_TIMEOUT_S[Desired.LOAD if step is Step.LOAD else wish.desired]
        try:
            async with asyncio.timeout(limit_s):
                await self._do(step, fact, host, view)
        except NotWritten:
            raise  # a store that cannot answer is no reason to end a host that serves
        except TimeoutError:
            why = (
                f"{step} took longer than {limit_s:g} s; its host may be stuck in the slice's code"
            )
            await self._fail(fact, "transient", why)
        except (AetherError, OSError) as problem:  # a full disk: another node may have room
            await self._fail(fact, *_account(problem))

    async def _do(self, step: Step, fact: Fact, host: HostStatus | None, view: ClusterView) -> None:
        match step:
            case Step.LOAD:
                await self._load(fact, view)
            case Step.ACTIVATE:
                await self._activate(fact)
            case Step.DEACTIVATE:
                await self._deactivate(fact, self.drain_grace_s(view.config))
            case Step.UNLOAD:
                await self._unload(fact)
            case Step.REPORT_LOADED:
                await fact.move(fact.wish.desired, Event.HOST_FOUND, host)
            case Step.REPORT_ACTIVE:
                await self._report_active(fact, host, Event.HOST_FOUND)
            case Step.GIVE_HOST_UP | Step.REPORT_VANISHED:
                words = self._last_words(step, fact)
                await self._fail(fact, "transient", words, Event.HOST_EXITED)

    def _last_words(self, step: Step, fact: Fact) -> str:
        if step is Step.GIVE_HOST_UP:
            return f"its host has not said for {STEP_TIMEOUT_S[fact.wish.desired]:g} s what it is"
        return self._exits.pop(fact.instance, "the host is gone")

    async def _load(self, fact: Fact, view: ClusterView) -> None:
        await fact.move(Desired.LOAD, Event.STEP_BEGAN)
        artifact = fact.instance.artifact
        record = view.artifacts.get(artifact)
        if record is None:
            raise Invalid(f"artifact {artifact} is not in the cluster")
        paths = await self.prepare(record)
        await self.launcher.unload(fact.instance)
        self._exits.pop(fact.instance, None)
        host = await self.launcher.load(
            HostSpec(
                instance=fact.instance,
                generation=fact.wish.generation,
                manifest=record.manifest,
                paths=paths,
                token=secrets.token_hex(16),
                config=settings_of(fact.instance, fact.wish, view),
            )
        )
        await fact.move(Desired.LOAD, Event.STEP_DONE, host)

    async def _activate(self, fact: Fact) -> None:
        await fact.move(Desired.ACTIVATE, Event.STEP_BEGAN)
        timeout_s = STEP_TIMEOUT_S[Desired.ACTIVATE]
        host = await self.launcher.activate(fact.instance, timeout_s)
        await self._report_active(fact, host, Event.STEP_DONE)

    async def _deactivate(self, fact: Fact, drain_grace_s: float) -> None:
        await fact.move(Desired.DEACTIVATE, Event.STEP_BEGAN)
        await self._leave_tables(fact)
        host = await self.launcher.deactivate(fact.instance, drain_grace_s)
        await fact.move(Desired.DEACTIVATE, Event.STEP_DONE, host)

    async def _leave_tables(self, fact: Fact) -> None:
        """Wait until no router of this node sends the instance anything any more.

        Routers of other nodes come through these, which refuse what is not in their table, and then
        go elsewhere. A request on its way to a connection that the host closes would be lost.
        """
        try:
            async with asyncio.timeout(TABLE_S):
                while (known := self.table_revision()) is not None and known < fact.revision:  # noqa: ASYNC110 - what routers know comes over a socket, and rings no bell
                    await asyncio.sleep(_TABLE_STEP_S)
        except TimeoutError:
            _log.warning("drains although a router may not know", instance=fact.instance)

    async def _unload(self, fact: Fact) -> None:
        """End the host, then remove the fact, in this order: no fact means no process."""
        await fact.move(Desired.UNLOAD, Event.STEP_BEGAN)
        await self.launcher.unload(fact.instance)
        self._exits.pop(fact.instance, None)
        await fact.move(Desired.UNLOAD, Event.STEP_DONE)

    async def _report_active(self, fact: Fact, host: HostStatus | None, event: Event) -> None:
        """Write ACTIVE and claim the routes in one transaction: never a route nobody answers.

        Instances of one slice that become ready together race for the same routes; who loses
        finds them claimed on the next try.
        """
        for _ in range(_CLAIM_TRIES - 1):
            try:
                return await self._claim_and_report(fact, host, event)
            except NotWritten as problem:
                _log.info("claiming routes again", instance=fact.instance, why=problem.message)
        return await self._claim_and_report(fact, host, event)

    async def _claim_and_report(self, fact: Fact, host: HostStatus | None, event: Event) -> None:
        view = _routes_view(self.store.level((keys.ROUTES,)))
        claims = _claims(host.routes if host else (), fact.instance, fact.wish, view)
        if claims.conflicts:
            await self._fail(fact, "fatal", "; ".join(claims.conflicts))
            return
        missing = {keys.route(*name): encode(record) for name, record in claims.missing.items()}
        guards = tuple(Guard(key, view.revisions.get(key, 0)) for key in missing)
        puts = tuple(Put(key, value) for key, value in missing.items())
        await fact.move(Desired.ACTIVATE, event, host, also=puts, guards=guards)

    async def _fail(
        self, fact: Fact, kind: str, message: str, event: Event = Event.STEP_FAILED
    ) -> None:
        """End the host and write why; an instance that is to go stays on its way out."""
        told = _told(message.removeprefix(f"{fact.instance}: "))
        _log.warning("instance failed", instance=fact.instance, kind=kind, why=told)
        await self.launcher.unload(fact.instance)
        if fact.wish.desired is not Desired.UNLOAD:
            failure = Failure(kind="fatal" if kind == "fatal" else "transient", message=told)
            await fact.move(fact.wish.desired, event, failure=failure)

    async def _end_unwished(self, instance: InstanceId) -> None:
        """End a host nobody asks for any more, and remove its fact while that stays so."""
        await self.launcher.unload(instance)
        self._exits.pop(instance, None)
        key = keys.phase(self.node, instance)
        entry = await self.store.get(key, consistency=Consistency.STALE)
        if entry is not None:
            guards = (Guard(keys.wanted(self.node, instance), 0), Guard(key, entry.mod_revision))
            text = f"{instance} is gone from {self.node}: nobody asks for it"
            reason = Reason(f"node:{self.node}", "phase", text)
            await self.store.txn(Txn((Delete(key),), reason, guards))


def settings_of(instance: InstanceId, wish: WantedRecord, view: ClusterView) -> bytes:
    """Return the settings an instance is to have now, as JSON."""
    return slice_settings(wish.config, view.once(_changed).get(instance.base, {}))


def _changed(view: ClusterView) -> Mapping[SliceBase, Mapping[str, Any]]:
    return changed_settings(view.config)


def _account(problem: AetherError | OSError) -> tuple[str, str]:
    """Return the kind of a failure, and what is told of it."""
    match problem:
        case SliceFailed():
            return str(problem.fields.get("kind", "transient")), problem.message
        case Invalid():
            return "fatal", problem.message
        case AetherError():
            return "transient", problem.message
        case OSError():
            return "transient", f"the node could not do it: {problem}"


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
    return claim(instance.base, routes, wish, view.routes)


def _routes_view(level: Range) -> ClusterView:
    return project(
        ((entry.key, entry.value, entry.mod_revision) for entry in level.entries), level.revision
    )
