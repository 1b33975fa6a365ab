"""Values of the replicated store about nodes asked of the NodeProvider; the rules of `records` hold here too."""

from dataclasses import dataclass

from aether.core.model.ids import NodeId


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisionRecord:
    """`provision/{node}`: the leader wants the NodeProvider to start this node.

    Dropped when the node is on duty, or given up after its tries.
    """

    node: NodeId
    attempt: int = 0
    """Times the provider has failed, or the node has not appeared in time."""
    problem: str = ""
    """What went wrong last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisionedRecord:
    """`provisioned/{node}`: the NodeProvider was asked for this node, so load may give it back.

    Written with the request; it stays until the node is removed or the request given up, though it be dropped:
    the machine may come late.
    """

    node: NodeId
    because: str = ""
    """Why it was asked for."""
