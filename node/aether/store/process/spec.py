"""What a store process is told at its start: one JSON file, written by its node."""

from pathlib import Path
from typing import Annotated

import msgspec

from aether.core.model.ids import NodeId, parse_node_id
from aether.errors import ConfigInvalid
from aether.ports import Member, StateMachine
from aether.store.protocol import SOCKET
from aether.store.spec import ConsensusSpec, OnMembers, StoreLimits, Timing, TlsFiles
from aether.whole_files import write_whole

Seconds = Annotated[float, msgspec.Meta(gt=0)]


class MemberSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A `ports.Member`."""

    node: str
    address: str
    voter: bool = True


class TlsSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """PEM files of mutual TLS between members."""

    ca: str
    certificate: str
    key: str


class StoreSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All a store process must know; see `store.spec.ConsensusSpec` for what is not said here."""

    node: str
    cluster_id: str
    members: tuple[MemberSpec, ...]
    host: str
    port: int
    data_dir: str
    engine: str = "native"
    address: str = ""
    tls: TlsSpec | None = None
    timing: dict[str, Seconds] = {}
    """Fields of `store.spec.Timing` that differ from their defaults."""
    limits: dict[str, int] = {}
    """Fields of `store.spec.StoreLimits` that differ from their defaults."""
    log_level: str = "info"
    alone_s: Seconds = 600.0
    """The process ends by itself when no node was connected for so long: its node is gone for good."""
    term: Annotated[int, msgspec.Meta(ge=0, lt=2**62)] = 0
    """Of a node that joins: see `store.spec.ConsensusSpec`."""

    @property
    def socket(self) -> Path:
        """Where its node finds it."""
        return Path(self.data_dir) / "run" / SOCKET

    def consensus(
        self, machine: StateMachine, incarnation: str, on_members: OnMembers | None = None
    ) -> ConsensusSpec:
        """Return what the engine is told; raises ConfigInvalid."""
        try:
            timing, limits = Timing(**self.timing), StoreLimits(**self.limits)
        except TypeError as problem:
            raise ConfigInvalid([f"the store's specification: {problem}"]) from problem
        return ConsensusSpec(
            node=NodeId(self.node),
            cluster_id=self.cluster_id,
            members=[Member(NodeId(m.node), m.address, m.voter) for m in self.members],
            bind=(self.host, self.port),
            data_dir=Path(self.data_dir),
            machine=machine,
            incarnation=incarnation,
            on_members=on_members,
            address=self.address,
            tls=None if self.tls is None else tls_files(self.tls),
            term=self.term,
            timing=timing,
            limits=limits,
        )


def tls_files(tls: TlsSpec) -> TlsFiles:
    """Return the files as the engine takes them."""
    return TlsFiles(ca=Path(tls.ca), certificate=Path(tls.certificate), key=Path(tls.key))


def read_spec(path: Path) -> StoreSpec:
    """Return the specification in a file; raises ConfigInvalid saying what is wrong with it."""
    try:
        spec = msgspec.json.decode(path.read_bytes(), type=StoreSpec)
        parse_node_id(spec.node)
    except OSError as problem:
        raise ConfigInvalid([f"{path} cannot be read: {problem.strerror}"]) from problem
    except (msgspec.MsgspecError, ValueError) as problem:
        raise ConfigInvalid([f"{path} is not a store's specification: {problem}"]) from problem
    return spec


def write_spec(path: Path, spec: StoreSpec) -> None:
    """Write a specification for `read_spec`, whole or not at all."""
    write_whole(path, msgspec.json.format(msgspec.json.encode(spec), indent=1))


def is_same_process(one: StoreSpec, other: StoreSpec) -> bool:
    """Whether a process that runs with one specification need not be started anew for the other.

    Members and term do not count: a process that runs knows better than the file.
    """
    one, other = (msgspec.structs.replace(each, members=(), term=0) for each in (one, other))
    return one == other
