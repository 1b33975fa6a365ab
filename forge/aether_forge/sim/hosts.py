"""Slice hosts without processes: they start slowly, fail and crash as the dice say."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

from aether.core.model.ids import InstanceId
from aether.core.model.records import Manifest
from aether.core.model.slice_settings import settings_digest
from aether.errors import SliceFailed
from aether.ports import HostExited, HostSpec, HostStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class HostWeather:
    """How hosts behave. Times in virtual seconds, chances from 0 to 1 for each step."""

    slowest_step_s: float = 2.0
    step_fails: float = 0.0


class SimulatedLauncher:
    """`ports.Launcher` of one simulated node; `live` is what really runs there.

    `weather` may change at any time.
    """

    def __init__(self, dice: random.Random, weather: HostWeather) -> None:
        self.live: dict[InstanceId, HostStatus] = {}
        self._dice = dice
        self.weather = weather
        self._exits: asyncio.Queue[HostExited] = asyncio.Queue()
        self._pid = 0

    async def probe(self, manifest: Manifest, paths: Sequence[str]) -> Manifest:
        """Return the manifest as it is: there is no code to import."""
        del paths
        return manifest

    async def load(self, spec: HostSpec) -> HostStatus:
        """Start a host."""
        await self._step("load", spec.instance)
        self._pid += 1
        host = HostStatus(
            instance=spec.instance,
            generation=spec.generation,
            pid=self._pid,
            state="loaded",
            socket=f"/{spec.instance}",
            token=spec.token,
            routes=spec.manifest.routes,
            methods=spec.manifest.methods,
            settings=settings_digest(spec.config),
        )
        self.live[spec.instance] = host
        return host

    async def activate(self, instance: InstanceId, timeout_s: float) -> HostStatus:
        """Let a host serve."""
        del timeout_s
        await self._step("activate", instance)
        return self._become(instance, "active")

    async def deactivate(self, instance: InstanceId, drain_s: float) -> HostStatus:
        """Stop a host serving."""
        del drain_s
        await self._step("deactivate", instance)
        return self._become(instance, "loaded")

    async def configure(self, instance: InstanceId, config: bytes) -> HostStatus:
        """Give a host other settings."""
        await self._step("configure", instance)
        host = self._become(instance, self.live[instance].state if instance in self.live else "")
        self.live[instance] = replace(host, settings=settings_digest(config))
        return self.live[instance]

    async def unload(self, instance: InstanceId) -> None:
        """End a host."""
        await asyncio.sleep(0.01)
        self.live.pop(instance, None)

    async def hosts(self) -> Sequence[HostStatus]:
        """Return what runs."""
        await asyncio.sleep(0)
        return list(self.live.values())

    async def exits(self) -> AsyncIterator[HostExited]:
        """Follow the hosts that end by themselves."""
        while True:
            yield await self._exits.get()

    def crash(self, instance: InstanceId) -> None:
        """End a host behind the node's back."""
        host = self.live.pop(instance)
        self._exits.put_nowait(
            HostExited(instance=instance, pid=host.pid, expected=False, detail="killed by signal 9")
        )

    async def _step(self, step: str, instance: InstanceId) -> None:
        await asyncio.sleep(self._dice.uniform(0.01, self.weather.slowest_step_s))
        if self._dice.random() < self.weather.step_fails:
            raise SliceFailed(f"{step} of {instance} failed", fields={"kind": "transient"})

    def _become(self, instance: InstanceId, state: str) -> HostStatus:
        host = self.live.get(instance)
        if host is None:
            raise SliceFailed(f"{instance} has no host", fields={"kind": "transient"})
        self.live[instance] = replace(host, state=state)
        return self.live[instance]
