"""What consensus promises, without a protocol: one log in memory, and a switch for each member.

The simulator and the port's contract suite run on it. A member that is cut off hears nothing and
can do nothing; while no majority is connected, nobody can.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from aether.core.model.ids import NodeId
from aether.core.store.codec import Noop, encode_command
from aether.errors import Invalid, NoQuorum, OutcomeUnknown, Unavailable
from aether.ports import Member, MemberStatus, StateMachine

DUE_S = 0.5
"""How often the leader's machine is asked what falls due."""
_FOREVER_MS = 2**53


@dataclass(slots=True)
class _Seat:
    """One member's place at the log."""

    member: Member
    machine: StateMachine
    applied: int = 0
    connected: bool = True


class Oracle:
    """A replicated log that is always right."""

    def __init__(self) -> None:
        self.term = 1
        self._log: list[tuple[bytes, int]] = []
        self._seats: dict[NodeId, _Seat] = {}
        self._leader: NodeId | None = None
        self._lost_answers = 0
        self._led_ms = 0.0
        self._looked = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def member(self, member: Member, machine: StateMachine) -> "OracleConsensus":
        """Seat a member; it catches up with the log when it starts."""
        self._seats[member.node] = _Seat(member, machine, connected=False)
        return OracleConsensus(self, member.node)

    def cut_off(self, node: NodeId) -> None:
        """Take a member's connections away."""
        self._seats[node].connected = False
        self._elect()

    def reconnect(self, node: NodeId) -> None:
        """Give a member its connections back; it catches up at once."""
        self._seats[node].connected = True
        self._elect()
        self._catch_up()

    def lose_answers(self, count: int) -> None:
        """Commit the next `count` proposals, and answer each that its outcome is unknown."""
        self._lost_answers = count

    def commit(self, node: NodeId, command: bytes) -> bytes:
        """Commit a command for a member and return what its machine answered."""
        seat = self._seats[node]
        if not seat.connected or self._leader is None:
            raise NoQuorum("no majority is connected")
        answer = self._append(seat, command)
        if self._lost_answers:
            self._lost_answers -= 1
            raise OutcomeUnknown("the answer was lost")
        return answer

    def time_ms(self) -> int:
        """Return cluster time: it stands still while nobody leads."""
        now = asyncio.get_running_loop().time()
        if self._leader is not None:
            self._led_ms += max(now - self._looked, 0.0) * 1000
        self._looked = now
        return int(self._led_ms)

    def _append(self, asking: _Seat | None, command: bytes) -> bytes:
        self._log.append((command, self.time_ms()))
        answer = self._catch_up(asking)
        self._await_what_is_due()
        return answer

    def _await_what_is_due(self) -> None:
        """Look again in a while, when there is anything that will ever fall due."""
        machine = next((seat.machine for seat in self._seats.values() if seat.connected), None)
        if self._timer is None and machine is not None and machine.due(_FOREVER_MS) is not None:
            self._timer = asyncio.get_running_loop().call_later(DUE_S, self._look)

    def _look(self) -> None:
        self._timer = None
        leader = self._seats[self._leader] if self._leader is not None else None
        if leader is not None and (command := leader.machine.due(self.time_ms())) is not None:
            self._append(None, command)
        self._await_what_is_due()

    def hand_over(self, node: NodeId | None) -> NodeId:
        """Have another connected member lead; any, when none is named."""
        connected = [name for name in sorted(self._seats) if self._seats[name].connected]
        if self._leader is None or (node is not None and node not in connected):
            raise Unavailable(f"{node or 'nobody'} cannot lead: no majority, or not connected")
        others = [name for name in connected if name != self._leader] or connected
        target = node if node is not None else others[0]
        self.term += target != self._leader
        self._leader = target
        return target

    def status(self, node: NodeId) -> MemberStatus:
        """Return how a member is."""
        leader, applied = self.leader(node), self._seats[node].applied
        return MemberStatus(
            node=node,
            engine="oracle",
            role="leader" if leader == node else "follower",
            condition="ok",
            detail="",
            term=self.term,
            leader=leader,
            commit=len(self._log),
            applied=applied,
            first_index=1,
            last_index=len(self._log),
            snapshot_index=0,
            members=self.members(),
        )

    def leader(self, node: NodeId) -> NodeId | None:
        """Return who leads, as `node` knows."""
        return self._leader if self._seats[node].connected else None

    def members(self) -> tuple[Member, ...]:
        """Return the members, sorted by node."""
        return tuple(self._seats[node].member for node in sorted(self._seats))

    def remove(self, node: NodeId) -> None:
        """Take a member's seat away."""
        self._seats.pop(node, None)
        self._elect()

    def _elect(self) -> None:
        self.time_ms()
        connected = sorted(node for node, seat in self._seats.items() if seat.connected)
        leader = None
        if 2 * len(connected) > len(self._seats):
            leader = self._leader if self._leader in connected else connected[0]
        if leader != self._leader and leader is not None:
            self.term += 1
        self._leader = leader

    def _catch_up(self, asking: _Seat | None = None) -> bytes:
        answer = b""
        for seat in self._seats.values():
            while seat.connected and seat.applied < len(self._log):
                result = seat.machine.apply(*self._log[seat.applied])
                seat.applied += 1
                if seat is asking:
                    answer = result
        return answer


class OracleConsensus:
    """One member's view of an oracle: `ports.Consensus`."""

    def __init__(self, oracle: Oracle, node: NodeId) -> None:
        self._oracle = oracle
        self._node = node

    async def start(self) -> None:
        """Take part."""
        self._oracle.reconnect(self._node)

    async def stop(self) -> None:
        """Leave; the log stays with the oracle."""
        self._oracle.cut_off(self._node)

    async def propose(self, command: bytes, timeout_s: float) -> bytes:  # noqa: ARG002 - answers at once
        """Commit `command`; see `ports.Consensus`."""
        await asyncio.sleep(0)
        return self._oracle.commit(self._node, command)

    async def barrier(self, timeout_s: float) -> None:
        """Return once this member has applied everything acknowledged before the call."""
        await self.propose(encode_command(Noop()), timeout_s)

    @property
    def leader(self) -> NodeId | None:
        """The member that leads; None while nobody does or this member is cut off."""
        return self._oracle.leader(self._node)

    @property
    def term(self) -> int:
        """Counts the leaderships."""
        return self._oracle.term

    @property
    def members(self) -> Sequence[Member]:
        """Members, sorted by node."""
        return self._oracle.members()

    async def add_member(self, member: Member, timeout_s: float) -> None:  # noqa: ARG002 - answers at once
        """Do nothing for a present member; a new one is seated with `Oracle.member`."""
        if member not in self._oracle.members():
            raise NoQuorum(f"{member.node} has no seat: seat it with Oracle.member first")

    async def transfer_leadership(self, node: NodeId | None, timeout_s: float) -> NodeId:  # noqa: ARG002 - answers at once
        """Have another member lead; see `ports.Group`."""
        if node is not None and node not in {member.node for member in self._oracle.members()}:
            raise Invalid(f"{node} is not a member")
        return self._oracle.hand_over(node)

    async def status(self) -> MemberStatus:
        """Return how this member is."""
        return self._oracle.status(self._node)

    async def remove_member(self, node: NodeId, timeout_s: float) -> None:  # noqa: ARG002 - answers at once
        """Take a node out; no change when it is absent."""
        self._oracle.remove(node)
