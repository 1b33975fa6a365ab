"""What any engine of consensus must know to take part as one member."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from aether.core.model.ids import NodeId
from aether.ports import Member, StateMachine

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
