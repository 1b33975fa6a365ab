"""What the leader hears of its store members and asks of its nodes, for alerts."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
import structlog

from aether.core.alerts.conditions import MemberFact, NodeFact, of_members, of_nodes
from aether.core.alerts.thresholds import Series
from aether.core.model.ids import NodeId
from aether.errors import AetherError
from aether.ports import ApiRequest, Clock, Group, LeaderLink, MemberStatus

_log = structlog.get_logger()

MEMBERS_S = 1.0
NODES_S = 10.0
"""How often nodes are asked what they say of themselves."""
ANSWER_S = 3.0
"""Longest wait for one of them."""
SILENT_S = 2.0
"""A voter that did not answer its leader for so long is not counted on."""
AT_A_TIME = 8
PATH = "/api/v1/nodes/{node}/conditions"
FORWARDED = "x-aether-forwarded"


class Conditions(msgspec.Struct, frozen=True):
    """What a node answers; other fields are passed over."""

    condition: str
    certificate_days: float | None = None


@dataclass(slots=True)
class MemberFacts:
    """Runs on every node; asks only while this node leads. Answers with what it heard last."""

    node: NodeId
    group: Group
    link: LeaderLink
    clock: Clock
    _members: Mapping[Series, float] = field(default_factory=dict)
    _nodes: dict[NodeId, NodeFact] = field(default_factory=dict)
    _asked_at: float = float("-inf")

    def values(self) -> Mapping[Series, float]:
        """Return the values known now; none on a node that does not lead."""
        return {**self._members, **of_nodes(self._nodes)}

    async def run(self) -> None:
        """Keep the facts fresh until cancelled."""
        while True:
            try:
                await self.look()
            except AetherError as problem:
                _log.info("store members not known", error=problem.message)
            except Exception:  # noqa: BLE001 - a bug ends the look, not the node, and is logged
                _log.exception("look at store members broke off")
            await self.clock.sleep(MEMBERS_S)

    async def look(self) -> None:
        """Take in how the members do, and when it is time how the nodes say they do."""
        if self.group.leader != self.node:
            self._members, self._nodes, self._asked_at = {}, {}, float("-inf")
            return
        status = await self.group.status()
        if status.leader == self.node:
            self._members = of_members(_members(status))
        if self.clock.now() - self._asked_at >= NODES_S:
            self._asked_at = self.clock.now()
            await self._ask_all([member.node for member in status.members])

    async def _ask_all(self, nodes: Sequence[NodeId]) -> None:
        turn = asyncio.Semaphore(AT_A_TIME)

        async def asked(node: NodeId) -> tuple[NodeId, NodeFact | None]:
            async with turn:
                return node, await self._ask(node)

        answers = await asyncio.gather(*(asked(node) for node in nodes))
        self._nodes = {node: fact for node, fact in answers if fact is not None}

    async def _ask(self, node: NodeId) -> NodeFact | None:
        request = ApiRequest(
            method="GET", path=PATH.format(node=node), headers={FORWARDED: self.node}
        )
        try:
            async with asyncio.timeout(ANSWER_S):
                answer = await self.link.forward(node, request)
            if answer.status != 200:
                return None
            said = msgspec.json.decode(answer.body, type=Conditions)
        except (TimeoutError, AetherError, msgspec.MsgspecError) as problem:
            # Its silence is told by other alerts.
            _log.debug("node does not say how it is", of=node, problem=str(problem))
            return None
        return NodeFact(condition=said.condition, certificate_days=said.certificate_days)


def _members(status: MemberStatus) -> Iterable[MemberFact]:
    progress = {peer.node: peer for peer in status.peers}
    for member in status.members:
        peer = progress.get(member.node)
        if member.node == status.node:
            yield MemberFact(
                node=member.node, voter=member.voter, lag=0, silent_s=0.0, answers=True
            )
        elif peer is not None:
            yield MemberFact(
                node=member.node,
                voter=member.voter,
                lag=max(0, status.last_index - peer.match),
                silent_s=peer.silent_s,
                answers=peer.silent_s < SILENT_S,
            )
