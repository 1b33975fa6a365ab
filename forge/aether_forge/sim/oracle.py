"""What consensus promises, without a protocol: one log in memory, and a switch for each member.

The simulator and the port's contract suite run on it. A member that is cut off hears nothing and
can do nothing; while no majority is connected, nobody can.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from aether.core.model.ids import NodeId
from aether.core.store.codec import Noop, encode_command
from aether.errors import NoQuorum, OutcomeUnknown
from aether.ports import Member, StateMachine


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
        self._log: list[bytes] = []
        self._seats: dict[NodeId, _Seat] = {}
        self._leader: NodeId | None = None
        self._lost_answers = 0

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
        self._log.append(command)
        answer = self._catch_up(seat)
        if self._lost_answers:
            self._lost_answers -= 1
            raise OutcomeUnknown("the answer was lost")
        return answer

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
                result = seat.machine.apply(self._log[seat.applied])
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

    async def remove_member(self, node: NodeId, timeout_s: float) -> None:  # noqa: ARG002 - answers at once
        """Take a node out; no change when it is absent."""
        self._oracle.remove(node)
