"""One life of a node: start in order, run until told to stop, stop in reverse within 10 s.

Order: data directory, peers' port (forming needs it), cluster, store, the node's own sockets, its
children, managers, API. Whatever was started is stopped, also when a later start fails.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

import structlog

from aether.api.server import ApiServer
from aether.artifacts.repository import Repository
from aether.config.node import NodeConfig
from aether.core.agent.formation_state import Formed, KnownNode
from aether.core.model import keys
from aether.core.model.ids import NodeId
from aether.core.model.reason import Reason
from aether.core.store.commands import DeletePrefix, Txn
from aether.errors import AetherError
from aether.node.children import Child, Supervisor, bound_logs
from aether.node.clock import MonotonicClock
from aether.node.data_dir import DataDir
from aether.node.handlers import PeerHandlers
from aether.node.leaving import Leaving
from aether.node.lost_store import loss, put_lost_store_aside
from aether.node.outcast import Outcast
from aether.node.parts import Ground, Parts, assemble, new_incarnation, node_record
from aether.node.stores import check_certificate
from aether.node.voting import become_voter
from aether.ports import Member
from aether.rpc.formation import Formation, FormationConfig, Membership
from aether.rpc.peers import Peers
from aether.rpc.server import ClusterServer
from aether.tasks import Tasks

_log = structlog.get_logger()

STOP_S = 9.0
"""Longest stop: a node must be gone within 10 s of SIGTERM."""
_LEAVE_S = 1.0
"""Longest wait for the store when leaving: without a quorum nobody would hear of it anyway."""

_T = TypeVar("_T")


class Node:
    """A node process."""

    def __init__(self, config: NodeConfig) -> None:
        self._config = config
        self._clock = MonotonicClock()
        self._incarnation = new_incarnation()
        self._record = node_record(config, self._incarnation)
        self._started: list[tuple[str, Callable[[], Awaitable[None]]]] = []
        self._failed = asyncio.Event()
        self._left = asyncio.Event()
        self._tasks = Tasks(self._task_failed)
        self._parts: Parts | None = None
        self._told_addresses: Mapping[NodeId, str] = {}
        self._peers = Peers(config.node_id, self._address_of, self._known_nodes)

    async def run(self, stop: asyncio.Event) -> bool:
        """Run until `stop` is set, the node is shut down, or a part fails for good.

        Return whether it ended as asked.
        """
        try:
            await self._start(stop)
            if not stop.is_set():
                await _wait(stop, self._left, self._failed)
        finally:
            await self._stop()
        return not self._failed.is_set()

    async def _start(self, stop: asyncio.Event) -> None:
        check_certificate(self._config)
        data_dir = DataDir(self._config.data_dir)
        self._on_stop("data directory", _sync(data_dir.close))
        data_dir.write_pid("node")
        self._on_stop("peers", self._peers.close)
        lost = loss(self._config, data_dir.path)
        formation = Formation(self._formation_config(lost=bool(lost)), self._peers, self._clock)
        if lost:
            await put_lost_store_aside(data_dir.path, lost, self._clock)
        repository = Repository(data_dir.path)
        handlers = PeerHandlers(self._config.node_id, formation, repository, self._peers.fetch_from)
        server = ClusterServer(self._config.bind, self._config.cluster_port, handlers)
        await server.start()
        self._on_stop("cluster port", server.stop)
        membership = await _unless(stop, formation.form())
        if membership is None:
            return
        await self._start_parts(data_dir, membership, formation, handlers, repository)

    def _formation_config(self, *, lost: bool) -> FormationConfig:
        return FormationConfig(
            me=KnownNode(
                self._config.node_id,
                self._record.cluster,
                self._record.raft,
                worker=self._config.is_worker,
            ),
            expect=self._config.bootstrap_expect,
            join=self._config.join,
            data_dir=self._config.data_dir.absolute(),
            lost=lost,
        )

    async def _start_parts(
        self,
        data_dir: DataDir,
        membership: Membership,
        formation: Formation,
        handlers: PeerHandlers,
        repository: Repository,
    ) -> None:
        self._told_addresses = membership.node_addresses
        parts = assemble(
            Ground(
                config=self._config,
                incarnation=self._incarnation,
                data_dir=data_dir,
                membership=membership,
                remember=self._remember(formation, membership),
                on_failure=self._task_failed,
                peers=self._peers,
                repository=repository,
            )
        )
        self._parts = parts
        await self._start_store(parts)
        self._on_stop("chronicle", parts.chronicle.close)
        group, engine = parts.node_store.group, self._config.store.engine
        formation.serve(group, self._address_of, as_learners=engine == "native")
        metrics = parts.measuring.metrics
        handlers.serve(parts.api, parts.store, parts.managers.control, metrics)
        await parts.feed.start()
        self._on_stop("table feed", parts.feed.stop)
        await parts.gateway.start()
        self._on_stop("host gateway", parts.gateway.stop)
        await parts.launcher.start()
        self._on_stop("launcher client", parts.launcher.stop)
        await self._start_children(parts, data_dir)
        self._on_stop("monitoring", parts.exposing.stop)
        self._on_stop("leaving", self._leave)
        self._on_stop("tasks", self._tasks.stop)
        self._start_loops(parts, data_dir)
        self._start_outcast(parts, membership, formation)
        server = ApiServer(parts.api, self._config.bind, self._config.management_port)
        await server.start()
        self._on_stop("management port", server.stop)
        self._on_stop("event streams", _sync(parts.alerts.events.close))
        _log.info("node started", node=self._config.node_id, management=self._record.management)

    async def _start_store(self, parts: Parts) -> None:
        node_store = parts.node_store
        await node_store.start()
        if node_store.supervisor is not None:
            self._tasks.start("supervise store", node_store.supervisor.run())
            self._on_stop("store process", node_store.supervisor.stop)
        self._on_stop("store", node_store.stop)

    async def _start_children(self, parts: Parts, data_dir: DataDir) -> None:
        launcher = ("aether.host", "--data-dir", str(data_dir.path))
        supervisor = Supervisor(Child("launcher", launcher, 6.0), data_dir.path, self._clock)
        self._tasks.start("supervise launcher", supervisor.run())
        self._on_stop("launcher", supervisor.stop)
        await parts.routers.start(self._tasks)
        self._on_stop("routers", parts.routers.stop)

    def _start_loops(self, parts: Parts, data_dir: DataDir) -> None:
        voting = become_voter(
            parts.node_store.group,
            parts.store,
            self._config.node_id,
            self._clock,
            is_worker=self._config.is_worker,
        )
        names = ("store", "launcher", *parts.routers.names)
        logs = bound_logs(data_dir.path / "logs", names, self._clock)
        self._tasks.start("logs", logs)
        self._tasks.start("vote", voting)
        parts.measuring.start(self._tasks)
        parts.managers.start(self._tasks)
        parts.exposing.start(self._tasks, parts.api)
        parts.scaling.start(self._tasks, parts.api.handle)
        parts.forecasting.start(self._tasks)
        self._tasks.start("copies", parts.copies.run())
        self._tasks.start("chronicle", parts.chronicle.run())
        parts.alerts.start(self._tasks)
        parts.tracing.start(self._tasks)
        if parts.providing is not None:
            self._tasks.start("providing", parts.providing.run())
        self._tasks.start("shutdown", self._leaving(parts).run())

    def _start_outcast(self, parts: Parts, membership: Membership, formation: Formation) -> None:
        outcast = Outcast(
            self._config.node_id,
            membership.cluster_id,
            formation.others,
            lambda: parts.store.leader,
            formation.ask,
            self._clock,
        )
        parts.readiness.removed = outcast
        self._tasks.start("outcast", outcast.run())

    def _leaving(self, parts: Parts) -> Leaving:
        return Leaving(
            node=self._config.node_id,
            incarnation=self._incarnation,
            store=parts.store,
            group=parts.node_store.group,
            clock=self._clock,
            hosts=lambda: len(parts.managers.agent.hosts),
            leave=self._left.set,
            only_here=parts.copies.only_here,
        )

    async def _leave(self) -> None:
        """Take this node's instances out of every routing table before they are ended."""
        if self._parts is None:
            return
        reason = Reason(f"node:{self._config.node_id}", "stop", f"{self._config.node_id} stops")
        mine = DeletePrefix(f"{keys.PHASES}{self._config.node_id}/")
        try:
            await self._parts.store.txn(Txn((mine,), reason), timeout_s=_LEAVE_S)
        except AetherError as problem:
            _log.info("leaving without a word", error=problem.message)

    def _remember(
        self, formation: Formation, membership: Membership
    ) -> Callable[[Sequence[Member]], None]:
        """Return what keeps changed voters, with the cluster addresses known of them."""

        def remember(members: Sequence[Member]) -> None:
            if all(member.node != self._config.node_id for member in members):
                return  # taken out: the next start with this directory must not vote
            formation.remember(
                Formed(
                    membership.cluster_id,
                    tuple(
                        KnownNode(
                            member.node,
                            self._address_of(member.node) or "",
                            member.address,
                        )
                        for member in members
                    ),
                )
            )

        return remember

    def _address_of(self, node: NodeId) -> str | None:
        """Return a node's cluster address: as it registered itself, or as forming told."""
        record = self._parts.managers.control.view().nodes.get(node) if self._parts else None
        return record.cluster if record else self._told_addresses.get(node)

    def _known_nodes(self) -> list[NodeId]:
        return sorted(self._parts.managers.control.view().nodes) if self._parts else []

    def _task_failed(self, name: str, failure: BaseException) -> None:
        """End the node: a loop that died would otherwise be missed by nobody."""
        _log.error("a part of the node failed; stopping", part=name, exc_info=failure)
        self._failed.set()

    def _on_stop(self, name: str, stop: Callable[[], Awaitable[None]]) -> None:
        self._started.append((name, stop))

    async def _stop(self) -> None:
        """Stop everything that was started, last first, each within what is left of the time."""
        deadline = self._clock.now() + STOP_S
        while self._started:
            name, stop = self._started.pop()
            try:
                async with asyncio.timeout(max(0.2, deadline - self._clock.now())):
                    await stop()
            except Exception:  # noqa: BLE001 - the rest must be stopped whatever this part does
                _log.exception("could not be stopped cleanly", part=name)
        _log.info("node stopped", node=self._config.node_id)


def _sync(stop: Callable[[], None]) -> Callable[[], Awaitable[None]]:
    async def call() -> None:
        stop()

    return call


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, _T]) -> _T | None:
    """Return what `work` returns, or None (and cancel it) when `stop` is set before."""
    async with asyncio.TaskGroup() as group:
        doing = group.create_task(work)
        stopping = group.create_task(_wait(stop))
        await asyncio.wait((doing, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not doing.done():
            doing.cancel()
    return None if doing.cancelled() else doing.result()


async def _wait(*events: asyncio.Event) -> None:
    """Return when the first of the events is set."""
    waits = [asyncio.get_running_loop().create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
