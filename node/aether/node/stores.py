"""The store of a node: a process of its own that the node looks after, or a part of the node."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec
import structlog

from aether.config.node import NodeConfig
from aether.core.store.machine import KvMachine
from aether.errors import ConfigInvalid
from aether.node.children import Child, Supervisor
from aether.ports import Backups, Clock, Group, Member, Store
from aether.rpc.formation import Membership
from aether.store.backup.inline import InlineBackups
from aether.store.client import KvStore
from aether.store.engine import open_consensus
from aether.store.native.tls import check_own
from aether.store.process.engines import wait_failed
from aether.store.process.lock import take_lock
from aether.store.process.spec import (
    MemberSpec,
    StoreSpec,
    TlsSpec,
    is_same_process,
    read_spec,
    write_spec,
)
from aether.store.remote.backup import RemoteBackups
from aether.store.remote.store import RemoteStore
from aether.store.spec import OnMembers, TlsFiles
from aether.tasks import Tasks

_log = structlog.get_logger()

ENGINE_FILE = "engine"
"""Says which engine wrote what is in `store/`."""
STOP_S = 4.0


class NodeStore(Protocol):
    """Where a node's store runs, and how to reach it."""

    supervisor: Supervisor | None
    """Keeps the store process alive; None when there is none."""

    @property
    def store(self) -> Store:
        """The replicated keys."""
        ...

    @property
    def group(self) -> Group:
        """Who takes part and who leads."""
        ...

    @property
    def backups(self) -> Backups:
        """Where backups are taken."""
        ...

    def answers(self) -> bool:
        """Whether the store can be asked at all."""
        ...

    async def start(self) -> None:
        """Begin; raises ConfigInvalid when the directory or the port cannot be had."""
        ...

    async def stop(self) -> None:
        """End what runs in this process."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounds:
    """What a store is made from."""

    config: NodeConfig
    data_dir: Path
    membership: Membership
    incarnation: str
    remember: OnMembers
    """Keeps changed members for the next start."""
    on_failure: Callable[[str, BaseException], None]
    """Told of a fault after which an inline store takes no part any more."""
    clock: Clock


def check_certificate(config: NodeConfig) -> None:
    """Raise ConfigInvalid when the certificate of members is not this node's, or cannot be used."""
    if config.store.has_tls:
        check_own(_tls_files(config), config.node_id)


def _tls_files(config: NodeConfig) -> TlsFiles:
    tls = config.store
    return TlsFiles(
        ca=Path(tls.tls_ca), certificate=Path(tls.tls_certificate), key=Path(tls.tls_key)
    )


def open_store(grounds: Grounds) -> NodeStore:
    """Return the node's store, not started; raises ConfigInvalid for another engine's directory."""
    _check_engine(grounds.data_dir, grounds.config.store.engine)
    if grounds.config.store.process == "own":
        return OwnStore(grounds)
    return InlineStore(grounds)


def _check_engine(data_dir: Path, engine: str) -> None:
    """Refuse to read with one engine what another one wrote: it would see an empty store."""
    path = data_dir / ENGINE_FILE
    if path.exists():
        before = path.read_text().strip()
    else:
        before = "pysyncobj" if (data_dir / "store" / "journal").exists() else engine
    if before != engine:
        raise ConfigInvalid(
            [
                f"{data_dir} holds a store of engine {before}, not {engine}; set store.engine to "
                f"{before!r}, or start with an empty data_dir to join anew"
            ]
        )
    path.write_text(engine + "\n")


def _spec(grounds: Grounds) -> StoreSpec:
    config, membership = grounds.config, grounds.membership
    # The native log knows its members itself; only founders, who begin without one, must be told.
    members = membership.founders if config.store.engine == "native" else membership.members
    tls = config.store
    return StoreSpec(
        node=config.node_id,
        cluster_id=membership.cluster_id,
        members=_member_specs(members),
        host=config.bind,
        port=config.raft_port,
        address=f"{config.bind}:{config.raft_port}",
        data_dir=str(grounds.data_dir),
        engine=config.store.engine,
        tls=TlsSpec(tls.tls_ca, tls.tls_certificate, tls.tls_key) if tls.has_tls else None,
        log_level=config.log.level,
        term=membership.term,
    )


def _member_specs(members: Sequence[Member]) -> tuple[MemberSpec, ...]:
    return tuple(MemberSpec(m.node, m.address, m.voter) for m in members)


class OwnStore:
    """A store process, adopted when an earlier life of this node left one of the same settings."""

    def __init__(self, grounds: Grounds) -> None:
        self._spec = _spec(grounds)
        self._path = grounds.data_dir / "run" / "store.json"
        self._remember = grounds.remember
        self._remote = RemoteStore(
            self._spec.socket,
            grounds.config.node_id,
            grounds.membership.cluster_id,
            members=grounds.membership.members,
            on_members=self._members_changed,
        )
        arguments = ("aether.store", "--spec", str(self._path))
        child = Child("store", arguments, STOP_S)
        self.supervisor: Supervisor | None = Supervisor(child, grounds.data_dir, grounds.clock)

    @property
    def group(self) -> Group:
        """Who takes part and who leads."""
        return self._remote

    @property
    def store(self) -> Store:
        """The replicated keys."""
        return self._remote

    @property
    def backups(self) -> Backups:
        """Where backups are taken."""
        return RemoteBackups(
            path=self._spec.socket, node=self._spec.node, cluster_id=self._spec.cluster_id
        )

    def answers(self) -> bool:
        """Whether the store process answers and its control keys are known."""
        return self._remote.is_ready

    async def start(self) -> None:
        """Write the specification, end a process of another one, and begin to connect."""
        if self.supervisor is not None and not self._may_be_adopted():
            await self.supervisor.end_earlier()
        write_spec(self._path, self._spec)
        await self._remote.start()

    def _may_be_adopted(self) -> bool:
        try:
            return is_same_process(read_spec(self._path), self._spec)
        except ConfigInvalid:
            return False

    def _members_changed(self, members: Sequence[Member]) -> None:
        if self._spec.engine != "native":
            self._spec = msgspec.structs.replace(self._spec, members=_member_specs(members))
            write_spec(self._path, self._spec)
        self._remember(members)

    async def stop(self) -> None:
        """Close the connection; the process is the supervisor's to end."""
        await self._remote.close()


class InlineStore:
    """The store in the node process: for tests and tiny nodes."""

    def __init__(self, grounds: Grounds) -> None:
        spec, machine = _spec(grounds), KvMachine()
        consensus = spec.consensus(machine, grounds.incarnation, grounds.remember)
        self._consensus = open_consensus(spec.engine, consensus)
        self._backups = InlineBackups(
            consensus=self._consensus,
            machine=machine,
            node=grounds.config.node_id,
            cluster_id=spec.cluster_id,
        )
        self._data_dir = grounds.data_dir
        self._on_failure = grounds.on_failure
        self._tasks = Tasks()
        self._lock: int | None = None
        child = Child("store", (), STOP_S)
        self._earlier = Supervisor(child, grounds.data_dir, grounds.clock)
        self._store = KvStore(self._consensus, machine)
        self.supervisor: Supervisor | None = None

    @property
    def group(self) -> Group:
        """Who takes part and who leads."""
        return self._consensus

    @property
    def store(self) -> Store:
        """The replicated keys."""
        return self._store

    @property
    def backups(self) -> Backups:
        """Where backups are taken."""
        return self._backups

    def answers(self) -> bool:
        """Whether the store can be asked; it is in this process."""
        return True

    async def start(self) -> None:
        """End a store process of an earlier life that ran with `own`, and take part here."""
        await self._earlier.end_earlier()
        self._lock = take_lock(self._data_dir)
        await self._consensus.start()
        self._tasks.start("store-failure", self._watch())

    async def _watch(self) -> None:
        """Have the node end when its member takes no part any more: it cannot be made anew here."""
        self._on_failure("store", await wait_failed(self._consensus))

    async def stop(self) -> None:
        """Leave the group cleanly."""
        await self._tasks.stop()
        await self._store.close()
        await self._consensus.stop()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
