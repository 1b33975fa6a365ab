"""NodeDeploymentManager: carries the leader's wishes out on this node and reports the facts.

One task an instance, one step at a time: facts of one instance are never written out of order.
"""

import asyncio
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from aether.agent.stepper import Stepper, settings_of
from aether.core.agent.steps import HostFact, Step, must_abort, must_configure, next_step
from aether.core.model import keys
from aether.core.model.ids import InstanceId, SliceBase
from aether.core.model.records import PhaseRecord, WantedRecord
from aether.core.model.slice_settings import SCOPE, settings_digest
from aether.core.model.view import ClusterView
from aether.errors import AetherError
from aether.ports import Clock, HostStatus, Launcher, Store
from aether.store.look import Look
from aether.tasks import Tasks
from aether.wakeups import Wakeups

_log = structlog.get_logger()

_SETTLED = ("loaded", "active")
"""States of a host that has said what it is."""
_BACKOFF_S = 0.5
"""Pause before an instance whose step could not even be reported is looked at again."""


@dataclass(slots=True)
class _Running:
    """A step under way."""

    step: Step
    task: asyncio.Task[None]


class NodeDeploymentManager:
    """Runs on every node, all the time."""

    def __init__(
        self, stepper: Stepper, store: Store, launcher: Launcher, clock: Clock, *, period_s: float
    ) -> None:
        self._stepper = stepper
        self._node = stepper.node
        self._incarnation = stepper.incarnation
        self._store = store
        self._launcher = launcher
        self._clock = clock
        self._wakeups = Wakeups(clock, period_s)
        self._running: dict[InstanceId, _Running] = {}
        self._paused_until: dict[InstanceId, float] = {}
        self._hosts: Mapping[InstanceId, HostStatus] = {}
        self._unsettled_since: dict[InstanceId, tuple[int, float]] = {}
        """Generation of the wish under which a host has not said what it is, and since when."""
        self._look = Look(
            store,
            (
                f"{keys.WANTED}{self._node}/",
                f"{keys.PHASES}{self._node}/",
                keys.ARTIFACTS,
                keys.ROUTES,
                keys.CONFIG,
            ),
        )

    @property
    def hosts(self) -> Mapping[InstanceId, HostStatus]:
        """The hosts of this node as last seen."""
        return self._hosts

    def slice_of(self, token: str) -> SliceBase | None:
        """Return which slice a host's secret belongs to, None for a secret nobody was given."""
        for host in self._hosts.values():
            # A host that a new launcher knows by its process alone has no secret: nobody is it.
            if host.token and hmac.compare_digest(host.token.encode(), token.encode()):
                return host.instance.base
        return None

    async def run(self) -> None:
        """Follow wishes and hosts until cancelled; steps under way are then abandoned."""
        tasks = Tasks()
        watched = (f"{keys.WANTED}{self._node}/", f"{keys.CONFIG}{SCOPE}")
        tasks.start("agent-watch", self._wakeups.follow(self._store, watched))
        tasks.start("agent-exits", self._follow_exits())
        try:
            await self._catch_up()
            while True:
                try:
                    await self._turn(tasks)
                except AetherError as problem:
                    _log.warning("agent turn failed", code=problem.code, error=problem.message)
                await self._wakeups.wait()
        finally:
            await tasks.stop()

    async def _catch_up(self) -> None:
        """Wait until this node's copy of the store is no older than our start.

        Before that the copy may lack wishes, and an instance without a wish would be ended. Hosts
        of an earlier life are known at once, for they go on asking for their keys meanwhile.
        """
        while True:
            try:
                self._hosts = {host.instance: host for host in await self._launcher.hosts()}
                await self._store.get(keys.EPOCH)
            except AetherError as problem:
                _log.info("agent waits for the store", error=problem.message)
                await self._wakeups.wait()
            else:
                return

    async def _follow_exits(self) -> None:
        async for exited in self._launcher.exits():
            if not exited.expected:
                _log.warning("host exited", instance=exited.instance, detail=exited.detail)
                self._stepper.note_exit(exited)
            self._wakeups.ring()

    async def _turn(self, tasks: Tasks) -> None:
        """Start the next step of every instance that has none under way."""
        self._hosts = {host.instance: host for host in await self._launcher.hosts()}
        self._forget_pauses()
        view = self.view()
        wishes = {instance: wish for (_, instance), wish in view.wanted.items()}
        self._note_unsettled(wishes)
        facts = {instance: fact for (_, instance), fact in view.phases.items()}
        for instance in sorted({*wishes, *facts, *self._hosts}):
            if keys.wanted(self._node, instance) in view.unreadable:
                continue  # a wish of a later version is no wish withdrawn: it stays as it is
            wish = wishes.get(instance)
            running = self._running.get(instance)
            if running is not None:
                if must_abort(running.step, wish):
                    running.task.cancel()
                continue
            if instance in self._paused_until:
                continue
            self._begin(tasks, instance, wish, facts.get(instance), view)

    def _forget_pauses(self) -> None:
        """Drop the pauses that are over: their instances may never be seen again."""
        now = self._clock.now()
        over = [instance for instance, until in self._paused_until.items() if until <= now]
        for instance in over:
            del self._paused_until[instance]

    def _note_unsettled(self, wishes: Mapping[InstanceId, WantedRecord]) -> None:
        """Note since when hosts have not said what they are; each wish gives them time anew."""
        now, before = self._clock.now(), self._unsettled_since
        self._unsettled_since = {}
        for instance, host in self._hosts.items():
            if host.state not in _SETTLED:
                wish = wishes.get(instance)
                began = (wish.generation if wish is not None else 0, now)
                known = before.get(instance, began)
                self._unsettled_since[instance] = known if known[0] == began[0] else began

    def view(self) -> ClusterView:
        """Return wishes, facts and routes as this node's copy of the store has them."""
        return self._look.view()

    def _begin(
        self,
        tasks: Tasks,
        instance: InstanceId,
        wish: WantedRecord | None,
        fact: PhaseRecord | None,
        view: ClusterView,
    ) -> None:
        host = self._hosts.get(instance)
        known = self._host_fact(host)
        step = next_step(wish, fact, known, self._incarnation)
        if wish is not None and known is not None and step in (None, Step.ACTIVATE):
            settings = settings_digest(settings_of(instance, wish, view))
            if must_configure(step, wish, known, settings):
                step = Step.CONFIGURE
        if step is None:
            step = self._stepper.repair(instance, wish, host, view)
        if step is None:
            return
        work = self._carry_out(instance, step, wish, host, view)
        self._running[instance] = _Running(step, tasks.start(f"{step} {instance}", work))

    def _host_fact(self, host: HostStatus | None) -> HostFact | None:
        if host is None:
            return None
        match host.state:
            case "loaded" | "active":
                return HostFact(host.state, host.generation, host.settings)
            case _:
                # It belongs to a step this process does not know of (it ran in an earlier life), or
                # the launcher is new and has not heard from it yet.
                now = self._clock.now()
                _, since = self._unsettled_since.get(host.instance, (0, now))
                return HostFact("unsettled", host.generation, unsettled_s=now - since)

    async def _carry_out(
        self,
        instance: InstanceId,
        step: Step,
        wish: WantedRecord | None,
        host: HostStatus | None,
        view: ClusterView,
    ) -> None:
        try:
            await self._stepper.carry_out(instance, step, wish, host, view)
            self._paused_until.pop(instance, None)
        except (AetherError, OSError) as problem:
            self._paused_until[instance] = self._clock.now() + _BACKOFF_S
            _log.warning(
                "step could not be finished", instance=instance, step=step, error=str(problem)
            )
        except Exception:  # a bug: the task's owner logs its trace; trying at once would never end
            self._paused_until[instance] = self._clock.now() + _BACKOFF_S
            raise
        finally:
            self._running.pop(instance, None)
            self._wakeups.ring()
