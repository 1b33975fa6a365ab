"""Engines of consensus by name: the seam behind which one is exchanged for another."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NotRequired, TypedDict, Unpack

from aether.core.model.ids import NodeId
from aether.errors import ConfigInvalid
from aether.ports import Consensus, Member, StateMachine

OnMembers = Callable[[Sequence[Member]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsensusSpec:
    """What any engine must know to take part as one member."""

    node: NodeId
    cluster_id: str
    members: Sequence[Member]
    """Voters as last known, this one included; a member's address never changes."""
    bind: tuple[str, int]
    """Host and Raft port to listen on; the port of this member's address."""
    data_dir: Path
    """The node's data directory; the engine keeps to `store/` below it."""
    machine: StateMachine
    incarnation: str
    on_members: OnMembers | None = None
    """Told of every change of the voters, so that the node can keep them for its next start."""


class ConsensusArguments(TypedDict):
    """The fields of `ConsensusSpec`, as keywords."""

    node: NodeId
    cluster_id: str
    members: Sequence[Member]
    bind: tuple[str, int]
    data_dir: Path
    machine: StateMachine
    incarnation: str
    on_members: NotRequired[OnMembers | None]


def open_consensus(engine: str, **arguments: Unpack[ConsensusArguments]) -> Consensus:
    """Return a member that has not started; raises ConfigInvalid for an unknown engine."""
    spec = ConsensusSpec(**arguments)
    match engine:
        case "pysyncobj":
            # Imported here so that a node of another engine does not load the library.
            from aether.store.pysyncobj.engine import PySyncObjConsensus  # noqa: PLC0415 - see above

            return PySyncObjConsensus(spec)
        case _:
            raise ConfigInvalid([f"store.engine {engine!r} is unknown: choose 'pysyncobj'"])
