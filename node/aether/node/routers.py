"""The router processes of a node: told what to do, kept alive, replaced without a lost request."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import structlog

from aether.config.node import NodeConfig
from aether.config.version import aether_version
from aether.dataplane import handover
from aether.dataplane.access_log import AccessLogSettings
from aether.dataplane.listeners import control_path, worker_name
from aether.dataplane.settings import (
    MOST_WORKERS,
    Certificate,
    PeerFiles,
    RouterSettings,
    digest,
    write_settings,
)
from aether.errors import AetherError
from aether.node.children import Child, Supervisor
from aether.ports import Clock
from aether.tasks import Tasks

_log = structlog.get_logger()

STOP_S = 3.0
"""Longest stop of the routers of a node that stops: all of it may take 10 s."""
_SEE_OFF_MARGIN_S = 10.0


def settings_of(config: NodeConfig) -> RouterSettings:
    """Return what the routers of a node are told."""
    router, store = config.router, config.store
    peers = PeerFiles(
        ca=_absolute(store.tls_ca),
        certificate=_absolute(store.tls_certificate),
        key=_absolute(store.tls_key),
    )
    return RouterSettings(
        node=config.node_id,
        bind=config.bind,
        port=config.router_port,
        mesh_port=config.mesh_port,
        workers=router.workers,
        drain_s=router.drain_s,
        handover_s=router.handover_s,
        certificates=tuple(
            Certificate(cert=_absolute(each.cert), key=_absolute(each.key), hosts=each.hosts)
            for each in router.tls.certificates
        ),
        min_version=router.tls.min_version,
        handshake_s=router.tls.handshake_s,
        handshakes=router.tls.handshakes,
        trusted=router.trusted_proxies,
        address_clients=router.address_connections,
        access_log=AccessLogSettings(
            sample=router.access_log_sample, slow_s=router.access_log_slow_s
        )
        if router.access_log
        else None,
        mesh=peers if config.has_mesh_tls else None,
    )


def _absolute(path: str) -> str:
    return str(Path(path).absolute())


class Routers:
    """Supervises `workers` router processes of one node."""

    def __init__(self, config: NodeConfig, data_dir: Path, clock: Clock) -> None:
        self._settings = settings_of(config)
        self._data_dir = data_dir
        self._clock = clock
        self._see_off_s = config.router.handover_s + config.router.drain_s + _SEE_OFF_MARGIN_S
        self._supervisors = [self._supervisor(worker) for worker in range(self._settings.workers)]

    @property
    def names(self) -> Sequence[str]:
        """What the processes are called in `run/` and `logs/`."""
        return [worker_name(worker) for worker in range(len(self._supervisors))]

    async def start(self, tasks: Tasks) -> None:
        """Write down the settings, and start or adopt the processes."""
        await asyncio.to_thread(write_settings, self._data_dir, self._settings)
        for worker, supervisor in enumerate(self._supervisors):
            tasks.start(f"supervise {worker_name(worker)}", supervisor.run())
        tasks.start("renew routers", self._renew())

    async def stop(self) -> None:
        """End them all at the same time."""
        async with asyncio.TaskGroup() as group:
            for supervisor in self._supervisors:
                group.create_task(supervisor.stop())

    async def restart(self) -> list[dict[str, Any]]:
        """Replace each process by a new one, one after the other; return how they are then.

        Raises Unavailable when a new one does not come to serve; the one before goes on.
        """
        for supervisor in self._supervisors:
            await supervisor.replace(self._see_off_s)
        return await self.health()

    async def health(self) -> list[dict[str, Any]]:
        """Return how each process says it is; with `problem` where one does not answer."""
        return [await self._health_of(worker) for worker in range(len(self._supervisors))]

    async def _health_of(self, worker: int) -> dict[str, Any]:
        path = control_path(self._data_dir, worker)
        try:
            return await asyncio.to_thread(handover.health, path)
        except OSError as problem:
            return {"worker": worker, "status": "silent", "problem": str(problem)}

    def _supervisor(self, worker: int) -> Supervisor:
        arguments = ("aether.dataplane", "--data-dir", str(self._data_dir))
        child = Child(worker_name(worker), (*arguments, "--worker", str(worker)), STOP_S)
        return Supervisor(child, self._data_dir, self._clock)

    async def _renew(self) -> None:
        """Replace adopted processes that run other code, or were told other settings, than ours."""
        for worker in range(len(self._supervisors), MOST_WORKERS):
            if control_path(self._data_dir, worker).exists():
                await self._supervisor(worker).end_earlier()
        wanted = (aether_version(), digest(self._settings))
        for worker, supervisor in enumerate(self._supervisors):
            health = await self._health_of(worker)
            if "problem" in health or (health.get("version"), health.get("settings")) == wanted:
                continue
            _log.info("replacing an earlier router", worker=worker, version=health.get("version"))
            try:
                await supervisor.replace(self._see_off_s)
            except AetherError as problem:
                _log.error("an earlier router stays", worker=worker, problem=problem.message)
