"""Admits nodes to a cluster that exists, one at a time, and tells who is in it now."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from aether.core.agent.formation_state import Announcement, Formed, KnownNode
from aether.core.model.ids import NodeId
from aether.errors import AetherError, Conflict, Unavailable
from aether.ports import Group, Member

CHANGE_S = 5.0
"""Deadline of one change of the membership."""
LOOK_S = 0.02

log = structlog.get_logger()


class NodeIdTaken(Conflict):
    """Another live node uses this id; the newcomer must take another one."""

    code = "node_id_taken"


class Admission:
    """Changes the members on behalf of nodes that ask to join.

    `announce(address, message)` finds out whether the node at an address lives; `address_of` says
    where a member's cluster port is.
    """

    def __init__(
        self,
        me: KnownNode,
        formed: Formed,
        group: Group,
        announce: Callable[[str, Announcement], Awaitable[Announcement]],
        address_of: Callable[[NodeId], str | None],
        *,
        as_learners: bool = False,
    ) -> None:
        self._me = me
        self._cluster_id = formed.cluster_id
        self._addresses = {member.node: member.cluster_addr for member in formed.members}
        self._group = group
        self._announce = announce
        self._address_of = address_of
        self._as_learners = as_learners
        self._one_at_a_time = asyncio.Lock()

    def formed(self) -> Formed:
        """Return the cluster with its present members."""
        return Formed(
            self._cluster_id,
            tuple(
                KnownNode(member.node, self._address(member.node), member.address)
                for member in sorted(self._group.members, key=lambda member: member.node)
            ),
        )

    async def admit(self, node: KnownNode) -> Formed:
        """Make `node` a member; raise NodeIdTaken when its id belongs to another live node.

        Whoever asks has an empty log. A member that asks has therefore lost its own, votes and
        all, and is taken out and added anew: counted as the old member it could help a majority
        forget what it had acknowledged.
        """
        async with self._one_at_a_time:
            await self._check_id(node)
            # A learner is always taken out first: it may be a member of which nothing is known here yet.
            if self._as_learners or self._is_member(node.node):
                if self._is_member(node.node):
                    log.warning("admission.member_starts_anew", node=node.node)
                await self._group.remove_member(node.node, CHANGE_S)
                await self._see_it_go(node.node)
            newcomer = Member(node.node, node.raft_addr, voter=not self._as_learners)
            await self._group.add_member(newcomer, CHANGE_S)
            self._addresses[node.node] = node.cluster_addr
            log.info("admission.added", node=node.node, raft=node.raft_addr)
            return self._with(node)

    def _is_member(self, node: NodeId) -> bool:
        return any(member.node == node for member in self._group.members)

    async def _see_it_go(self, node: NodeId) -> None:
        """Wait until this member has the removal, too: its term is at least that of the removal then.

        Before that term the node may have voted, on the disk it lost: it must not take part there.
        """
        try:
            async with asyncio.timeout(CHANGE_S):
                while self._is_member(node):  # noqa: ASYNC110 - groups announce nothing
                    await asyncio.sleep(LOOK_S)
        except TimeoutError as late:
            raise Unavailable(
                f"the removal of {node} has not arrived here yet; ask again"
            ) from late

    def _with(self, node: KnownNode) -> Formed:
        """Return the cluster; this member may not have applied yet what was committed."""
        formed = self.formed()
        others = (member for member in formed.members if member.node != node.node)
        return Formed(formed.cluster_id, tuple(sorted((*others, node))), self._group.term)

    async def _check_id(self, node: KnownNode) -> None:
        if node.node == self._me.node:
            raise _taken(node, self._me.cluster_addr)
        address = self._address(node.node)
        if not address or address == node.cluster_addr:
            return
        try:
            answer = await self._announce(address, Announcement(self._me, self.formed()))
        except AetherError:
            return  # nobody there: the node has moved
        if answer.sender.node == node.node:
            raise _taken(node, address)

    def _address(self, node: NodeId) -> str:
        if node == self._me.node:
            return self._me.cluster_addr
        return self._address_of(node) or self._addresses.get(node, "")


def _taken(node: KnownNode, address: str) -> NodeIdTaken:
    return NodeIdTaken(
        f"node id {node.node} is taken by the live node at {address}; start the node at "
        f"{node.cluster_addr} under another id (--node-id)",
        fields={"node": node.node, "address": address},
    )
