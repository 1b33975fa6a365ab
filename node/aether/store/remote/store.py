"""`ports.Store` and `ports.Group` over the store process of this node."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

import structlog

from aether.core.model.ids import NodeId, parse_node_id
from aether.core.store.commands import Consistency, Entry, LeaseId, Outcome, Range, Txn
from aether.core.store.limits import key_problem, prefix_problem
from aether.errors import Invalid, OutcomeUnknown, Unavailable
from aether.ports import STORE_S, Member, MemberStatus, PeerProgress
from aether.store.protocol import (
    AddMember,
    Answer,
    AskStatus,
    Batch,
    Done,
    Failed,
    Found,
    Get,
    List,
    Progress,
    RemoveMember,
    Request,
    Shape,
    Status,
    Transfer,
    WireMember,
)
from aether.store.reads import no_quorum_for_read
from aether.store.remote.following import Following
from aether.store.remote.link import Link
from aether.store.remote.mirror import Mirror, is_mirrored
from aether.store.spec import OnMembers
from aether.store.submitter import ATTEMPT_S, FIRST_RETRY_S, LAST_RETRY_S, Submitter, refuse
from aether.store.watch import PROGRESS_S, Watch
from aether.tasks import Tasks

log = structlog.get_logger()

LEADER_KNOWN_S = 2.0
"""The last leader told is believed for so long after the connection was lost: a store process that
is started anew is back before. Whoever acts as leader is fenced by the epoch, not by this."""
STATUS_S = 2.0
SILENT_S = 2.5 * PROGRESS_S
"""The mirror is told every `PROGRESS_S` how far the store is: a process silent for longer hangs."""
MOST_ADDRESS = 300
_T = TypeVar("_T")


class RemoteStore:
    """The replicated keys and their group, through the store process at `path`.

    `members` are those known before; `on_members` is told of them after each change. `start` returns at once: calls wait for
    the process within their own time.
    """

    def __init__(
        self,
        path: Path,
        node: NodeId,
        cluster_id: str,
        *,
        members: Sequence[Member] = (),
        on_members: OnMembers | None = None,
        dice: Callable[[], float] = random.random,
    ) -> None:
        self._mirror = Mirror()
        self._link = Link(path, node, cluster_id, self)
        self._following = Following(self._link, self._mirror)
        self._submitter = Submitter(self._link.submit, dice)
        self._on_members = on_members
        self._dice = dice
        self._shape = Shape(None, 0, [])
        self._members = tuple(members)
        self._forget: asyncio.TimerHandle | None = None
        self._tasks = Tasks()

    async def start(self) -> None:
        """Begin to connect."""
        self._tasks.start("store-link", self._link.run())

    async def close(self) -> None:
        """End every watch and the connection; what waits is answered with an error."""
        self._following.close()
        if self._forget is not None:
            self._forget.cancel()
        await self._tasks.stop()

    @property
    def is_ready(self) -> bool:
        """Whether the store process answers and its control keys are known."""
        is_heard = self._link.is_up and self._link.silent_s < SILENT_S
        return is_heard and self._mirror.is_filled

    # -- what the link tells -------------------------------------------------------------------

    def connected(self) -> None:
        """Take up again what was followed."""
        if self._forget is not None:
            self._forget.cancel()
            self._forget = None
        self._following.resume()
        self._tasks.start("store-mirror", self._following.mirror())

    def disconnected(self) -> None:
        """Believe in the last leader for a moment."""
        self._following.pause()
        loop = asyncio.get_running_loop()
        self._forget = loop.call_later(LEADER_KNOWN_S, self._forget_leader)

    def _forget_leader(self) -> None:
        self._shape = Shape(None, self._shape.term, self._shape.members)

    def heard(self, message: Shape | Batch | Progress | Failed) -> None:
        """Take news of the group, or of what is followed."""
        if not isinstance(message, Shape):
            if self._following.heard(message):
                self._tasks.start("store-mirror", self._following.mirror())
            return
        self._shape = message
        members = _members(message.members)
        if members and members != self._members:
            self._members = members
            if self._on_members is not None:
                self._on_members(members)

    # -- ports.Group ---------------------------------------------------------------------------

    @property
    def leader(self) -> NodeId | None:
        """The member that leads, as far as this node knows; None while nobody does."""
        return None if self._shape.leader is None else NodeId(self._shape.leader)

    @property
    def term(self) -> int:
        """Current Raft term."""
        return self._shape.term

    @property
    def members(self) -> Sequence[Member]:
        """Members, sorted by node: as they were known before, until the store process tells."""
        return self._members

    async def add_member(self, member: Member, timeout_s: float) -> None:
        """Make a node a member; see `ports.Group`."""
        if len(member.address) > MOST_ADDRESS:
            raise Invalid(f"the address of {member.node} has more than {MOST_ADDRESS} characters")
        node = _node(member.node)
        await self._ask_group(
            lambda number, ms: AddMember(number, ms, node, member.address, member.voter),
            timeout_s,
        )

    async def remove_member(self, node: NodeId, timeout_s: float) -> None:
        """Take a node out; see `ports.Group`."""
        checked = _node(node)
        await self._ask_group(lambda number, ms: RemoveMember(number, ms, checked), timeout_s)

    async def transfer_leadership(self, node: NodeId | None, timeout_s: float) -> NodeId:
        """Have another member lead; see `ports.Group`."""
        checked = None if node is None else _node(node)
        answer = await self._ask_group(lambda number, ms: Transfer(number, ms, checked), timeout_s)
        return NodeId(answer.data.decode()) if isinstance(answer, Done) else _node("")

    async def status(self) -> MemberStatus:
        """Return how this member is; raises Unavailable when its process does not answer."""
        answer = await self._link.call(lambda number, _: AskStatus(number), STATUS_S)
        if not isinstance(answer, Status):
            raise Invalid(f"the store process answered with {type(answer).__name__}")
        return _status(answer)

    async def _ask_group(self, asked: Callable[[int, int], Request], timeout_s: float) -> Answer:
        """Ask again after a lost connection: a change that was made already changes nothing."""

        async def attempt(left_s: float) -> Answer:
            return await self._link.call(asked, left_s)

        return await self._repeat(attempt, timeout_s, timeout_s)

    # -- ports.Store ---------------------------------------------------------------------------

    async def txn(self, txn: Txn, timeout_s: float = STORE_S) -> Outcome:
        """Carry out guarded writes; see `ports.Store.txn`. `level` sees them then."""
        outcome = await self._submitter.txn(txn, timeout_s)
        if outcome.revision > self._mirror.revision:
            await self._following.wait_for(outcome.revision, min(timeout_s, ATTEMPT_S))
        return outcome

    async def range(
        self,
        prefix: str,
        *,
        limit: int = 0,
        start: str = "",
        consistency: Consistency = Consistency.LINEARIZABLE,
        revision: int | None = None,
        timeout_s: float = STORE_S,
    ) -> Range:
        """Return entries under `prefix`; see `ports.Store.range`."""
        refuse(prefix_problem(prefix) or prefix_problem(start, "start"))
        for what, value in (("limit", limit), ("revision", revision or 0)):
            if not 0 <= value < 2**63:
                raise Invalid(f"{what} {value}: it must be 0 or more")
        fresh = consistency is Consistency.LINEARIZABLE
        return await self._read(
            lambda number, ms: List(number, ms, fresh, prefix, start, limit, revision),
            timeout_s,
            levelled=fresh and is_mirrored(prefix),
        )

    async def get(
        self,
        key: str,
        *,
        consistency: Consistency = Consistency.LINEARIZABLE,
        timeout_s: float = STORE_S,
    ) -> Entry | None:
        """Return one key, or None when it does not exist; see `ports.Store.get`."""
        refuse(key_problem(key))
        fresh = consistency is Consistency.LINEARIZABLE
        found = await self._read(
            lambda number, ms: Get(number, ms, fresh, key),
            timeout_s,
            levelled=fresh and is_mirrored(key),
        )
        return found.entries[0] if found.entries else None

    async def _read(
        self, asked: Callable[[int, int], Get | List], timeout_s: float, *, levelled: bool
    ) -> Range:
        """Return the whole answer; when `levelled`, not before `level` has as much."""

        async def attempt(left_s: float) -> list[Found]:
            return await self._link.read(asked, left_s)

        clock = asyncio.get_running_loop().time
        deadline = clock() + timeout_s
        try:
            parts = await self._repeat(attempt, timeout_s, ATTEMPT_S)
        except Unavailable as problem:
            raise no_quorum_for_read(timeout_s, problem) from problem
        last = parts[-1]
        if levelled and last.revision > self._mirror.revision:
            await self._following.wait_for(last.revision, max(0.0, deadline - clock()))
            if last.revision > self._mirror.revision:
                raise _level_is_behind(last.revision, self._mirror.revision, timeout_s)
        entries = tuple(entry for part in parts for entry in part.entries)
        return Range(last.revision, entries, last.more)

    async def _repeat(
        self, attempt: Callable[[float], Awaitable[_T]], timeout_s: float, attempt_s: float
    ) -> _T:
        """Try until it succeeds, is refused for good, or the time is over."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + timeout_s
        left, retry_s = timeout_s, FIRST_RETRY_S
        while True:
            try:
                return await attempt(min(attempt_s, max(left, 0.001)))
            except (Unavailable, OutcomeUnknown):
                left = deadline - clock()
                if left <= retry_s:
                    raise
            await asyncio.sleep(retry_s * (0.5 + self._dice()))
            left = deadline - clock()
            retry_s = min(retry_s * 2, LAST_RETRY_S)

    async def grant(self, ttl_s: float, timeout_s: float = STORE_S) -> LeaseId:
        """Make a lease; see `ports.Store.grant`."""
        return await self._submitter.grant(ttl_s, timeout_s)

    async def renew(self, lease: LeaseId, timeout_s: float = STORE_S) -> float:
        """Prolong a lease; see `ports.Store.renew`."""
        return await self._submitter.renew(lease, timeout_s)

    async def revoke(self, lease: LeaseId, timeout_s: float = STORE_S) -> None:
        """End a lease and delete its keys; no error when it is gone."""
        await self._submitter.revoke(lease, timeout_s)

    def level(self, prefixes: Sequence[str]) -> Range:
        """Return the control keys this node knows of under any of `prefixes`; see `ports.Store.level`.

        Raises Invalid for prefixes that hold data of slices.
        """
        return self._mirror.level(prefixes)

    def watch(
        self,
        prefix: str,
        after_revision: int | None = None,
        *,
        progress: bool = False,
        without: str = "",
    ) -> Watch:
        """Follow every later change under `prefix`; see `ports.Store.watch`.

        It goes on where it was when the store process had to be started anew.
        """
        refuse(prefix_problem(prefix) or prefix_problem(without))
        if after_revision is not None and not 0 <= after_revision < 2**63:
            raise Invalid(f"after_revision {after_revision}: revisions count from 0")
        return self._following.open(prefix, after_revision, progress=progress, without=without)

    @property
    def revision(self) -> int:
        """Revision this node knows to be applied here."""
        return self._mirror.revision


def _level_is_behind(read: int, known: int, timeout_s: float) -> Unavailable:
    return Unavailable(
        f"the read is of revision {read}, of which this node knows {known} after {timeout_s:g} s: "
        "what its store process tells it comes too late; retry, or read with consistency=stale"
    )


def _node(name: str) -> NodeId:
    try:
        return parse_node_id(name)
    except ValueError as problem:
        raise Invalid(str(problem)) from problem


def _members(wire: Sequence[WireMember]) -> tuple[Member, ...]:
    return tuple(Member(NodeId(m.node), m.address, m.voter) for m in wire)


def _status(wire: Status) -> MemberStatus:
    return MemberStatus(
        node=NodeId(wire.node),
        engine=wire.engine,
        role=wire.role,
        condition=wire.condition,
        detail=wire.detail,
        term=wire.term,
        leader=None if wire.leader is None else NodeId(wire.leader),
        commit=wire.commit,
        applied=wire.applied,
        first_index=wire.first_index,
        last_index=wire.last_index,
        snapshot_index=wire.snapshot_index,
        members=_members(wire.members),
        peers=tuple(
            PeerProgress(node=NodeId(node), match=match, state=state, silent_s=silent_s)
            for node, match, state, silent_s in wire.peers
        ),
    )
