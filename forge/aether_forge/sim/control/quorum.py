"""What consensus promises, with everything it does not: delays, lost answers, old leaders, laggards.

One log in memory. A member that is cut off hears nothing; while no majority is connected nothing is
committed. Members learn of entries and of leaders late, each in its own time; a proposal may be
committed long after its caller has given up; the answer to a committed one may be lost.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from aether.core.model.ids import NodeId
from aether.core.store.codec import Noop, decode_command, encode_command
from aether.core.store.machine import KvMachine
from aether.errors import Invalid, NoQuorum, OutcomeUnknown, Unavailable
from aether.ports import Member, MemberStatus
from aether_forge.sim.owners import of_nobody


@dataclass(slots=True, kw_only=True)
class QuorumWeather:
    """How the quorum behaves. Times in virtual seconds, chances from 0 to 1."""

    commit_s: float = 0.005
    """Longest time from a proposal to its commit."""
    lag_s: float = 0.005
    """Longest time until another member has applied what is committed."""
    election_s: float = 1.0
    """Longest time without a leader when one is lost."""
    loses_answer: float = 0.0
    loses_proposal: float = 0.0
    late: float = 0.0
    """Chance that a commit takes up to 4 s: the caller may have given up by then."""


@dataclass(slots=True, eq=False)
class _Seat:
    member: Member
    machine: KvMachine
    applied: int = 0
    connected: bool = False
    leader: NodeId | None = None
    """Who leads, as this member knows."""
    timer: asyncio.TimerHandle | None = None
    waiting: dict[int, asyncio.Future[bytes]] = field(default_factory=dict)
    """Proposals of this member by their place in the log: answered when it has applied them."""


Observer = Callable[[bytes], None]

_MOST_READ = 256
"""Commands kept as they were read: about as many as a member is behind."""
read_command = lru_cache(maxsize=_MOST_READ)(decode_command)
"""`decode_command` for the members of a simulated cluster: what one has read the others need not."""


class Quorum:
    """A replicated log that is always right and seldom quick.

    `notary` is a machine of nobody's that applies at once: the truth. `observer` is told of every
    command before the notary applies it.
    """

    def __init__(self, dice: random.Random, weather: QuorumWeather) -> None:
        self.weather = weather
        self.notary = KvMachine(read_command)
        self.observer: Observer = _ignore
        self.term = 1
        self.leader: NodeId | None = None
        self._dice = dice
        self._log: list[tuple[bytes, int]] = []
        self._seats: dict[NodeId, _Seat] = {}
        self._election: asyncio.TimerHandle | None = None

    # -- members -----------------------------------------------------------------------------------

    def seat(self, member: Member, machine: KvMachine) -> "QuorumMember":
        """Seat a member; it takes part once it is connected."""
        self._seats[member.node] = _Seat(member, machine)
        return QuorumMember(self, member.node)

    def connect(self, node: NodeId) -> None:
        """Let a member take part; it catches up in its own time."""
        self._seats[node].connected = True
        self._consider()
        self._inform(self._seats[node])

    def disconnect(self, node: NodeId) -> None:
        """Cut a member off: a leader that is cut off knows it only after a while."""
        seat = self._seats[node]
        seat.connected = False
        self._consider()
        self._after(self.weather.election_s, lambda: self._notice_cut(seat))

    def is_connected(self, node: NodeId) -> bool:
        """Whether the member takes part."""
        return node in self._seats and self._seats[node].connected

    @property
    def has_majority(self) -> bool:
        """Whether enough voters are connected to commit anything."""
        voters = [seat for seat in self._seats.values() if seat.member.voter]
        return 2 * sum(seat.connected for seat in voters) > len(voters)

    def lead(self, node: NodeId) -> bool:
        """Have a connected voter lead at once; return whether it can."""
        seat = self._seats.get(node)
        if seat is None or not seat.connected or not seat.member.voter or not self.has_majority:
            return False
        self._begin(node)
        return True

    def _notice_cut(self, seat: _Seat) -> None:
        if not seat.connected:
            seat.leader = None

    def _consider(self) -> None:
        """Have an election when the leader is gone, and none while there is no majority."""
        gone = self.leader is None or not self._seats[self.leader].connected
        if not gone and self.has_majority:
            return
        self.leader = None
        if self._election is None and self.has_majority:
            pause = self.weather.election_s * self._dice.uniform(0.2, 1.0)
            self._election = self._after_exactly(pause, self._elect)

    def _elect(self) -> None:
        self._election = None
        if self.leader is not None or not self.has_majority:
            return
        able = [
            node
            for node, seat in sorted(self._seats.items())
            if seat.connected and seat.member.voter
        ]
        self._begin(self._dice.choice(able))

    def _begin(self, node: NodeId) -> None:
        self.term += 1
        self.leader = node
        for _, seat in sorted(self._seats.items()):
            self._inform(seat)

    def _inform(self, seat: _Seat) -> None:
        """Have a member learn who leads and what is committed; the new leader knows both at once."""
        if seat.member.node == self.leader:
            seat.leader = self.leader
            self._catch_up(seat)
            return
        self._after(self.weather.lag_s, lambda: self._learn_leader(seat))
        self._tell(seat)

    def _learn_leader(self, seat: _Seat) -> None:
        if seat.connected:
            seat.leader = self.leader

    # -- the log -----------------------------------------------------------------------------------

    async def propose(self, node: NodeId, command: bytes, timeout_s: float) -> bytes:
        """Commit a command for a member; see `ports.Consensus.propose`."""
        loop, weather = asyncio.get_running_loop(), self.weather
        if not self._seats[node].connected or self.leader is None:
            await asyncio.sleep(min(timeout_s, 0.05))
            raise NoQuorum("nobody leads, as far as this member knows")
        answer: asyncio.Future[bytes] = loop.create_future()
        if self._dice.random() >= weather.loses_proposal:
            slow = weather.late and self._dice.random() < weather.late
            pause = self._dice.uniform(0.0, 4.0 if slow else weather.commit_s)
            lost = weather.loses_answer and self._dice.random() < weather.loses_answer
            self._after_exactly(
                pause, lambda: self._commit(node, command, None if lost else answer)
            )
        try:
            async with asyncio.timeout(timeout_s):
                return await answer
        except TimeoutError as late:
            raise OutcomeUnknown("no answer came in time") from late

    def _commit(self, node: NodeId, command: bytes, answer: asyncio.Future[bytes] | None) -> None:
        """Put a command into the log, if there still is a majority to do so."""
        seat = self._seats.get(node)
        if self.leader is None or seat is None or not seat.connected:
            return  # it was lost on its way
        self._append(command)
        if answer is not None:
            seat.waiting[len(self._log)] = answer
        if node == self.leader:
            self._catch_up(seat)

    def _append(self, command: bytes) -> None:
        time_ms = int(asyncio.get_running_loop().time() * 1000)
        self._log.append((command, time_ms))
        self.observer(command)
        self.notary.apply(command, time_ms)
        for seat in self._seats.values():
            self._tell(seat)

    def _tell(self, seat: _Seat) -> None:
        """Have a member apply what is committed, in its own time."""
        if seat.timer is None and seat.connected and seat.applied < len(self._log):
            seat.timer = self._after(self.weather.lag_s, lambda: self._due(seat))

    def _due(self, seat: _Seat) -> None:
        seat.timer = None
        if seat.connected:
            self._catch_up(seat)

    def _catch_up(self, seat: _Seat) -> None:
        while seat.applied < len(self._log):
            result = seat.machine.apply(*self._log[seat.applied])
            seat.applied += 1
            waiting = seat.waiting.pop(seat.applied, None)
            if waiting is not None and not waiting.done():
                waiting.set_result(result)

    def _after(self, most_s: float, call: Callable[[], None]) -> asyncio.TimerHandle:
        return self._after_exactly(self._dice.uniform(0.0, most_s), call)

    @staticmethod
    def _after_exactly(pause_s: float, call: Callable[[], None]) -> asyncio.TimerHandle:
        # The quorum belongs to nobody: it goes on while the machine that asks is frozen.
        return asyncio.get_running_loop().call_later(pause_s, call, context=of_nobody())

    # -- what members ask --------------------------------------------------------------------------

    def leader_of(self, node: NodeId) -> NodeId | None:
        """Return who leads, as a member knows."""
        seat = self._seats.get(node)
        return seat.leader if seat is not None else None

    def members(self) -> tuple[Member, ...]:
        """Return the members, sorted by node."""
        return tuple(self._seats[node].member for node in sorted(self._seats))

    def applied(self, node: NodeId) -> int:
        """Return how many entries a member has applied."""
        return self._seats[node].applied

    @property
    def length(self) -> int:
        """Entries of the log."""
        return len(self._log)

    def unseat(self, node: NodeId) -> None:
        """Take a member out."""
        self._seats.pop(node, None)
        self._consider()


class QuorumMember:
    """One member's view of the quorum: `ports.Consensus`."""

    def __init__(self, quorum: Quorum, node: NodeId) -> None:
        self._quorum = quorum
        self._node = node

    async def start(self) -> None:
        """Take part."""
        self._quorum.connect(self._node)

    async def stop(self) -> None:
        """Leave; the log stays with the quorum."""
        self._quorum.disconnect(self._node)

    async def propose(self, command: bytes, timeout_s: float) -> bytes:
        """Commit `command`; see `ports.Consensus`."""
        return await self._quorum.propose(self._node, command, timeout_s)

    async def barrier(self, timeout_s: float) -> None:
        """Return once this member has applied everything acknowledged before the call."""
        await self.propose(encode_command(Noop()), timeout_s)

    @property
    def leader(self) -> NodeId | None:
        """The member that leads, as this one knows: it may be wrong."""
        return self._quorum.leader_of(self._node)

    @property
    def term(self) -> int:
        """Counts the leaderships."""
        return self._quorum.term

    @property
    def members(self) -> Sequence[Member]:
        """Members, sorted by node."""
        return self._quorum.members()

    async def add_member(self, member: Member, timeout_s: float) -> None:
        """Do nothing for a present member; a new one is seated with `Quorum.seat`."""
        del timeout_s
        if member.node not in {one.node for one in self._quorum.members()}:
            raise Invalid(f"{member.node} has no seat: seat it with Quorum.seat first")

    async def remove_member(self, node: NodeId, timeout_s: float) -> None:
        """Take a node out; no change when it is absent."""
        del timeout_s
        self._quorum.unseat(node)

    async def transfer_leadership(self, node: NodeId | None, timeout_s: float) -> NodeId:
        """Have another member lead; see `ports.Group`."""
        del timeout_s
        others = [one.node for one in self._quorum.members() if one.node != self._quorum.leader]
        for other in [node] if node is not None else others:
            if self._quorum.lead(other):
                return other
        raise Unavailable(f"{node or 'nobody else'} cannot lead now")

    async def status(self) -> MemberStatus:
        """Return how this member is."""
        leader, length = self.leader, self._quorum.length
        return MemberStatus(
            node=self._node,
            engine="simulated",
            role="leader" if leader == self._node else "follower",
            condition="ok",
            detail="",
            term=self.term,
            leader=leader,
            commit=length,
            applied=self._quorum.applied(self._node),
            first_index=1,
            last_index=length,
            snapshot_index=0,
            members=self._quorum.members(),
        )


def _ignore(_: bytes) -> None:
    pass
