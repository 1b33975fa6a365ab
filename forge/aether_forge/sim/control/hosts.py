"""Slice hosts of one machine, without processes: slow, failing, hanging, crashing, as the dice say.

They outlive the node process, and a step under way goes on when the node that asked for it is gone:
a launcher is a process of its own.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace

from aether.core.model.ids import Artifact, InstanceId
from aether.core.model.records import Manifest
from aether.core.model.slice_settings import settings_digest
from aether.errors import AetherError, SliceFailed, Unavailable
from aether.ports import HostExited, HostSpec, HostStatus
from aether.tasks import Tasks
from aether_forge.sim.owners import of_nobody

SETTLE_S = 1.0
"""How long a draining host still takes requests, as `aether.host.http` does."""
MAX_EXITS = 256


@dataclass(slots=True, kw_only=True)
class HostHabits:
    """How hosts behave from now on. Times in virtual seconds, chances from 0 to 1 for each step."""

    slowest_step_s: float = 2.0
    fails: float = 0.0
    """Chance that a load or an activation fails for the moment."""
    hangs: float = 0.0
    """Chance that a step never ends."""
    deaf: float = 0.0
    """Chance that a deactivation is not heard: it hangs."""
    poison: Mapping[Artifact, str] = field(default_factory=dict)
    """Artifacts that cannot be loaded anywhere, and why."""


@dataclass(slots=True)
class _Host:
    status: HostStatus
    steps: list[asyncio.Task[None]] = field(default_factory=list)
    closes_at: float | None = None
    """When a host that is being drained stops taking requests."""


class SimulatedHosts:
    """`ports.Launcher` of one machine; `habits` may change at any time."""

    def __init__(self, dice: random.Random, habits: HostHabits) -> None:
        self.habits = habits
        self._dice = dice
        self._hosts: dict[InstanceId, _Host] = {}
        self._followers: list[asyncio.Queue[HostExited]] = []
        self._tasks = Tasks()
        self._pid = 0
        self.down = False
        """Whether the machine is off: nothing answers."""

    # -- what the world sees and does --------------------------------------------------------------

    @property
    def live(self) -> Mapping[InstanceId, HostStatus]:
        """What really runs."""
        return {instance: host.status for instance, host in self._hosts.items()}

    def takes_requests(self, instance: InstanceId, now: float) -> bool:
        """Whether a request sent to the instance now is answered."""
        host = self._hosts.get(instance)
        if host is None or self.down:
            return False
        if host.status.state == "stopping":
            return host.closes_at is not None and now < host.closes_at
        return host.status.state == "active"

    def crash(self, instance: InstanceId) -> None:
        """End a host behind everybody's back."""
        host = self._end(instance)
        if host is not None:
            exited = HostExited(
                instance=instance, pid=host.status.pid, expected=False, detail="killed by signal 9"
            )
            for follower in self._followers:
                if follower.qsize() < MAX_EXITS:
                    follower.put_nowait(exited)

    def power_off(self) -> None:
        """End every host at once, and answer nobody until `down` is reset."""
        self.down = True
        for instance in list(self._hosts):
            self._end(instance)

    async def stop(self) -> None:
        """End everything, for good."""
        self.power_off()
        await self._tasks.stop()

    def _end(self, instance: InstanceId) -> _Host | None:
        host = self._hosts.pop(instance, None)
        for step in host.steps if host is not None else ():
            step.cancel()
        return host

    # -- ports.Launcher ----------------------------------------------------------------------------

    async def probe(self, manifest: Manifest, paths: Sequence[str]) -> Manifest:
        """Return the manifest as it is: there is no code to import."""
        del paths
        return manifest

    async def load(self, spec: HostSpec) -> HostStatus:
        """Start a host."""
        self._check()
        self._end(spec.instance)
        self._pid += 1
        status = HostStatus(
            instance=spec.instance,
            generation=spec.generation,
            pid=self._pid,
            state="starting",
            socket=f"/{spec.instance}",
            token=spec.token,
            routes=spec.manifest.routes,
            methods=spec.manifest.methods,
            settings=settings_digest(spec.config),
        )
        host = self._hosts[spec.instance] = _Host(status)
        return await self._step(host, self._loading(host, spec.instance.artifact))

    async def activate(self, instance: InstanceId, timeout_s: float) -> HostStatus:
        """Let a host serve."""
        del timeout_s
        host = self._host(instance)
        return await self._step(host, self._activating(host))

    async def deactivate(self, instance: InstanceId, drain_s: float) -> HostStatus:
        """Stop a host serving: it takes requests for a moment longer, then drains."""
        host = self._host(instance)
        return await self._step(host, self._deactivating(host, drain_s))

    async def configure(self, instance: InstanceId, config: bytes) -> HostStatus:
        """Give a host other settings."""
        host = self._host(instance)
        return await self._step(host, self._configuring(host, config))

    async def unload(self, instance: InstanceId) -> None:
        """End a host, whatever it does."""
        self._check()
        await asyncio.sleep(0.01)
        self._end(instance)

    async def hosts(self) -> Sequence[HostStatus]:
        """Return what runs."""
        self._check()
        await asyncio.sleep(0)
        return [self._hosts[instance].status for instance in sorted(self._hosts)]

    async def exits(self) -> AsyncIterator[HostExited]:
        """Follow the hosts that end by themselves."""
        queue: asyncio.Queue[HostExited] = asyncio.Queue(maxsize=MAX_EXITS)
        self._followers.append(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._followers.remove(queue)

    # -- steps -------------------------------------------------------------------------------------

    def _check(self) -> None:
        if self.down:
            raise Unavailable("the machine is off")

    def _host(self, instance: InstanceId) -> _Host:
        self._check()
        host = self._hosts.get(instance)
        if host is None:
            raise SliceFailed(f"{instance} has no host", fields={"kind": "transient"})
        return host

    async def _step(self, host: _Host, work: Coroutine[None, None, None]) -> HostStatus:
        """Run a step that goes on whoever asked for it is gone."""
        done: asyncio.Future[HostStatus] = asyncio.get_running_loop().create_future()
        context = of_nobody()
        task = context.run(self._tasks.start, "step", self._carried_out(host, work, done))
        host.steps.append(task)
        return await done

    async def _carried_out(
        self,
        host: _Host,
        work: Coroutine[None, None, None],
        done: asyncio.Future[HostStatus],
    ) -> None:
        try:
            await work
            if not done.done():
                done.set_result(host.status)
        except AetherError as problem:
            if not done.done():
                done.set_exception(problem)
        except asyncio.CancelledError:
            if not done.done():
                ended = SliceFailed("the host ended meanwhile", fields={"kind": "transient"})
                done.set_exception(ended)
            raise

    async def _loading(self, host: _Host, artifact: Artifact) -> None:
        await self._take_time(self.habits.hangs)
        poison = self.habits.poison.get(artifact)
        if poison is not None:
            self._forget(host)
            raise SliceFailed(poison, fields={"kind": "fatal"})
        self._may_fail(host, "load")
        host.status = replace(host.status, state="loaded")

    async def _activating(self, host: _Host) -> None:
        await self._take_time(self.habits.hangs)
        self._may_fail(host, "start")
        host.status = replace(host.status, state="active")
        host.closes_at = None

    async def _deactivating(self, host: _Host, drain_s: float) -> None:
        if host.status.state != "active":
            return
        host.status = replace(host.status, state="stopping")
        host.closes_at = asyncio.get_running_loop().time() + min(SETTLE_S, drain_s)
        await self._take_time(max(self.habits.hangs, self.habits.deaf), at_least_s=SETTLE_S)
        host.status = replace(host.status, state="loaded")

    async def _configuring(self, host: _Host, config: bytes) -> None:
        await self._take_time(self.habits.hangs)
        host.status = replace(host.status, settings=settings_digest(config))

    async def _take_time(self, hangs: float, at_least_s: float = 0.01) -> None:
        if self._dice.random() < hangs:
            await asyncio.get_running_loop().create_future()
        await asyncio.sleep(self._dice.uniform(at_least_s, at_least_s + self.habits.slowest_step_s))

    def _may_fail(self, host: _Host, step: str) -> None:
        if self._dice.random() < self.habits.fails:
            if step == "load":
                self._forget(host)
            text = f"{step} of {host.status.instance} failed"
            raise SliceFailed(text, fields={"kind": "transient"})

    def _forget(self, host: _Host) -> None:
        if self._hosts.get(host.status.instance) is host:
            del self._hosts[host.status.instance]
