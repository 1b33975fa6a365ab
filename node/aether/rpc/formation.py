"""Carries out how a cluster forms and grows: announces, proposes, answers peers, keeps the result.

Decisions are `aether.core.agent.formation`; this asks, is asked, and writes to disk before it
tells anybody.
"""

import asyncio
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import structlog

from aether.core.agent import formation as decide
from aether.core.agent.formation_state import (
    Accepted,
    Announcement,
    Formed,
    Join,
    KnownNode,
    Proposal,
    Propose,
    Refused,
    Start,
    Wait,
)
from aether.core.model.ids import NodeId
from aether.errors import AetherError, ConfigInvalid, Unavailable
from aether.ports import Clock, Group, Member
from aether.rpc import identity
from aether.rpc.admission import Admission, NodeIdTaken

FIRST_BACK_OFF_S = 0.1
MAX_BACK_OFF_S = 1.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class FormationConfig:
    """What an operator says about finding the cluster."""

    me: KnownNode
    expect: int
    """How many nodes found a new cluster (`--bootstrap-expect`)."""
    join: tuple[str, ...]
    """Cluster addresses of any live nodes (`--join`); this node's own does no harm."""
    data_dir: Path
    lost: bool = False
    """Whether the node's store is gone: it joins its cluster anew and founds none."""


@dataclass(frozen=True, slots=True)
class Membership:
    """The cluster this node is in, as far as it must know to start its consensus engine."""

    cluster_id: str
    members: tuple[Member, ...]
    """Sorted by node; this node is one of them."""
    node_addresses: Mapping[NodeId, str]
    """Cluster addresses of the members, where known."""
    founders: tuple[Member, ...] = ()
    """The voters the cluster began with; empty when this node joined it later."""
    term: int = 0
    """Raft term by which this node had been admitted."""


class FormationPeers(Protocol):
    """The calls forming needs; `aether.rpc.peers.Peers` makes them."""

    async def announce(self, address: str, message: Announcement) -> Announcement:
        """Tell a node what this one knows, return what that one knows."""
        ...

    async def found(self, address: str, proposal: Proposal) -> Accepted | Refused:
        """Propose a cluster to a member."""
        ...

    async def join(self, address: str, node: KnownNode) -> Formed:
        """Ask a member to admit a node."""
        ...


def _new_cluster_id() -> str:
    return uuid.uuid4().hex


class Formation:
    """A node's place among its peers, from before its cluster exists to its end.

    It answers announcements, proposals and joins (`rpc.handlers.FormationHandlers`) all the time,
    so the server starts before `form` is awaited; `serve` is called once the engine runs.
    Building one raises ConfigInvalid when the data directory belongs to another node, or when its
    store is lost and there is nobody to join again.
    """

    def __init__(
        self,
        config: FormationConfig,
        peers: FormationPeers,
        clock: Clock,
        new_cluster_id: Callable[[], str] = _new_cluster_id,
    ) -> None:
        self._config = config
        self._peers = peers
        self._clock = clock
        self._new_cluster_id = new_cluster_id
        self._admission: Admission | None = None
        others = [address for address in config.join if address != config.me.cluster_addr]
        saved = identity.load_formed(config.data_dir, config.me)
        if config.lost:
            others += _who_may_admit(config, saved, others)
        state = decide.begin(
            config.me,
            expect=1 if config.lost else config.expect,
            joins_others=bool(others),
            promised=None if config.lost else identity.load_promise(config.data_dir),
            now=clock.now(),
        )
        self._state = decide.enter(state, saved) if saved and not config.lost else state
        self._join = tuple(dict.fromkeys(others))

    async def form(self) -> Membership:
        """Return the cluster this node is in, forming or joining it first where needed.

        Goes on until there is one or it is cancelled. Raises NodeIdTaken when another live node
        uses this node's id.
        """
        waiting, back_off = "", FIRST_BACK_OFF_S
        while self._state.formed is None:
            step = decide.next_step(self._state, self._clock.now())
            match step:
                case Start(formed):
                    self._settle(formed)
                case Propose(members):
                    await self._propose(members)
                case Join(formed):
                    await self._ask_to_join(formed)
                case Wait(reason) if reason != waiting:
                    log.info("formation.waiting", reason=reason)
                    waiting, back_off = reason, FIRST_BACK_OFF_S
                case Wait():
                    back_off = min(2 * back_off, MAX_BACK_OFF_S)
            if self._state.formed is None:
                await self._announce()
                await self._clock.sleep(back_off)
        promise = identity.load_promise(self._config.data_dir)
        return _membership(self._state.formed, promise, self._config.me.node)

    def serve(
        self,
        group: Group,
        address_of: Callable[[NodeId], str | None],
        *,
        as_learners: bool = False,
    ) -> None:
        """Admit new nodes from now on; `address_of` says where a member's cluster port is.

        With `as_learners` a node is admitted without a vote: it asks for one when it has caught up.
        """
        formed = self._formed()
        self._admission = Admission(
            self._config.me,
            formed,
            group,
            self._peers.announce,
            address_of,
            as_learners=as_learners,
        )

    def remember(self, formed: Formed) -> None:
        """Keep changed members for the next start; raises ValueError for another cluster."""
        self._settle(formed)

    async def announce(self, message: Announcement) -> Announcement:
        """Answer a peer; see `FormationHandlers`."""
        now = self._clock.now()
        self._state, refused = decide.hear(self._state, message, now)
        if refused is not None:
            raise NodeIdTaken(refused.reason)
        answer = decide.announcement(self._state, now)
        if self._admission is not None:
            answer = replace(answer, formed=self._admission.formed())
        return answer

    async def found(self, proposal: Proposal) -> Accepted | Refused:
        """Answer a founder; see `FormationHandlers`."""
        if self._config.lost:
            return Refused(f"{self._config.me.node} lost its store and joins its cluster anew")
        state, answer = decide.consider(self._state, proposal, self._clock.now())
        if isinstance(answer, Accepted):
            identity.save_promise(self._config.data_dir, proposal)
        self._state = state
        return answer

    async def join(self, node: KnownNode) -> Formed:
        """Admit a node; see `FormationHandlers`."""
        if self._admission is None:
            raise Unavailable(f"{self._config.me.node} is in no cluster yet; ask again")
        return await self._admission.admit(node)

    @property
    def others(self) -> tuple[str, ...]:
        """Cluster addresses of the members known and of the nodes to join, this one left out."""
        members = (member.cluster_addr for member in self._formed().members)
        found = dict.fromkeys((*members, *self._join))
        return tuple(each for each in found if each and each != self._config.me.cluster_addr)

    async def ask(self, address: str) -> Formed | None:
        """Return the cluster the node at an address is in, and its members as that node knows them.

        None when it is in none; raises Unavailable when it does not answer.
        """
        now = self._clock.now()
        answer = await self._peers.announce(address, decide.announcement(self._state, now))
        return answer.formed

    def _formed(self) -> Formed:
        if self._state.formed is None:
            raise RuntimeError("there is no cluster before form has returned")
        return self._state.formed

    def _settle(self, formed: Formed) -> None:
        """Be in `formed`: on disk first, so that a restart cannot undo it."""
        state = decide.enter(self._state, formed)
        if self._config.lost:
            identity.forget_promise(self._config.data_dir)
        identity.save_formed(self._config.data_dir, self._config.me.node, formed)
        self._state = state
        log.info(
            "formation.member",
            cluster_id=formed.cluster_id,
            members=[member.node for member in formed.members],
        )

    async def _propose(self, members: tuple[KnownNode, ...]) -> None:
        state = decide.propose(self._state, members, self._new_cluster_id(), self._clock.now())
        proposal = state.proposing
        if proposal is None:
            raise RuntimeError("a state that proposes has a proposal")
        identity.save_promise(self._config.data_dir, proposal)
        self._state = state
        accepted = await self._collect(proposal)
        state, formed = decide.conclude(self._state, accepted, self._clock.now())
        if formed is None:
            self._state = state
            return
        self._settle(formed)
        await self._announce()  # so that the members need not wait for their next announcement

    async def _collect(self, proposal: Proposal) -> frozenset[NodeId]:
        """Ask every other member; return those that accepted in time."""
        accepted: set[NodeId] = set()

        async def ask(member: KnownNode) -> None:
            try:
                answer = await self._peers.found(member.cluster_addr, proposal)
            except AetherError as problem:
                answer = Refused(problem.message)
            if isinstance(answer, Refused):
                log.info("formation.refused", node=member.node, reason=answer.reason)
            else:
                accepted.add(member.node)

        try:
            async with asyncio.timeout(decide.PROPOSAL_S), asyncio.TaskGroup() as group:
                for member in proposal.members:
                    if member.node != self._config.me.node:
                        group.create_task(ask(member))
        except TimeoutError:
            log.info("formation.slow", accepted=sorted(accepted))
        return frozenset(accepted)

    async def _ask_to_join(self, formed: Formed) -> None:
        for member in formed.members:
            if not member.cluster_addr or member.cluster_addr == self._config.me.cluster_addr:
                continue
            try:
                answer = await self._peers.join(member.cluster_addr, self._config.me)
            except NodeIdTaken:
                raise
            except AetherError as problem:
                log.info("formation.join_failed", through=member.node, problem=problem.message)
                continue
            if answer.has(self._config.me.node):
                self._settle(answer)
                return
            log.warning("formation.join_failed", through=member.node, problem="not added")

    async def _announce(self) -> None:
        """Tell all nodes known and those to join, and take in what they answer."""
        known = (node.cluster_addr for node in self._state.known.values())
        addresses = {*self._join, *known} - {"", self._config.me.cluster_addr}
        taken: list[NodeIdTaken] = []
        async with asyncio.TaskGroup() as group:
            for address in sorted(addresses):
                group.create_task(self._announce_to(address, taken))
        if taken:
            raise taken[0]

    async def _announce_to(self, address: str, taken: list[NodeIdTaken]) -> None:
        now = self._clock.now()
        try:
            answer = await self._peers.announce(address, decide.announcement(self._state, now))
        except NodeIdTaken as problem:
            taken.append(problem)
            return
        except AetherError as problem:
            log.debug("formation.unreachable", address=address, problem=problem.message)
            return
        self._state, refused = decide.hear(self._state, answer, self._clock.now())
        if refused is not None:
            log.warning("formation.not_believed", address=address, reason=refused.reason)


def _who_may_admit(
    config: FormationConfig, saved: Formed | None, others: Sequence[str]
) -> list[str]:
    """Return where the members of the cluster are that a node without its store was in."""
    me = config.me.node
    members = [] if saved is None else [each for each in saved.members if each.node != me]
    addresses = [each.cluster_addr for each in members if each.cluster_addr]
    if not addresses and not others:
        raise ConfigInvalid(
            [
                f"the store of {me} is lost, and no other member is known that it could join again; "
                "restore a backup into an empty data_dir, name a member with --join, or start with "
                "an empty data_dir to begin with nothing"
            ]
        )
    return addresses


def _membership(formed: Formed, promise: Proposal | None, me: NodeId) -> Membership:
    founders: tuple[Member, ...] = ()
    if promise is not None and promise.cluster_id == formed.cluster_id:
        founders = _members(promise.members)
    return Membership(
        formed.cluster_id,
        _members(formed.members),
        {member.node: member.cluster_addr for member in formed.members if member.cluster_addr},
        founders if any(member.node == me for member in founders) else (),
        formed.term,
    )


def _members(nodes: Sequence[KnownNode]) -> tuple[Member, ...]:
    return tuple(Member(node.node, node.raft_addr) for node in nodes)
