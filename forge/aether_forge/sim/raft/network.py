"""Connections between members: each dials every other, sends on its own, receives on the other's.

Within one connection packets stay in order and arrive at most once. A cut holds packets back, as a
kernel that retransmits, or breaks the connection; what was held may arrive behind a newer one.
"""

import random
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from aether.core.model.ids import NodeId
from aether_forge.sim.raft.agenda import Agenda

Packet = Any  # the network carries packets and never looks into them
Pair = tuple[NodeId, NodeId]
"""Who sends, who receives."""


class Inhabitants(Protocol):
    """Whom the network connects."""

    def life(self, node: NodeId) -> int | None:
        """Return which process of the member runs now, None while none does."""
        ...

    def arrive(self, node: NodeId, sender: NodeId, packet: Packet) -> None:
        """Hand a packet to a running member."""
        ...

    def hang_up(self, node: NodeId, sender: NodeId) -> None:
        """Tell a running member that the connection from `sender` closed."""
        ...


@dataclass(slots=True, kw_only=True)
class Weather:
    """How the network is, for a whole run."""

    latency_s: float = 0.0005
    """Least time under way; at most twice that without a spike."""
    spike_chance: float = 0.003
    spike_s: float = 0.15
    drop_chance: float = 0.0
    """How often a full buffer drops a packet although the connection goes on."""
    late: bool = True
    """Whether packets of an older connection still arrive once a newer one was accepted."""
    duplicate_chance: float = 0.0
    """For broken variants: TCP does not do this."""
    silence_s: float = 1.0
    """At most this long until an end notices that the other is silent."""


@dataclass(slots=True, eq=False)
class _Connection:
    pair: Pair
    number: int
    receiver_life: int
    sends: bool = True
    """Whether the sender still holds it."""
    receives: bool = True
    """Whether the receiver still reads from it."""
    broken: bool = False
    """Whether something was lost on it: nothing later may arrive."""
    last_arrival: float = 0.0
    held: list[Packet] = field(default_factory=list)


@dataclass(slots=True)
class Cut:
    """A direction through which nothing passes now."""

    holds: bool
    """Whether what is sent arrives after healing; else its connection breaks."""
    noticed: bool = True
    """Whether the ends find out before it heals."""


class Network:
    """The links of all members."""

    def __init__(
        self, agenda: Agenda, dice: random.Random, weather: Weather, members: Inhabitants
    ) -> None:
        self.weather = weather
        self.slow: dict[Pair, float] = {}
        """Links with more latency now, in seconds."""
        self.overtaken = 0
        """Packets that arrived behind a newer connection."""
        self._agenda = agenda
        self._dice = dice
        self._members = members
        self._at_peace = False
        self._cuts: dict[Pair, Cut] = {}
        self._current: dict[Pair, _Connection] = {}
        self._accepted: dict[Pair, _Connection] = {}
        self._dialing: dict[Pair, int] = {}
        self._holding: dict[Pair, list[_Connection]] = {}
        self._made = 0

    def join(self, node: NodeId, others: list[NodeId]) -> None:
        """Have a member that just started dial all others, and those dial it at once."""
        for other in others:
            self._dial((node, other), 0.0)
            self._dial((other, node), self._dice.uniform(0.0, 0.05))

    def leave(self, node: NodeId, *, silently: bool) -> None:
        """Close the connections of a member that stopped; silently as a machine without power."""
        for pair in sorted(pair for pair in self._current if node in pair):
            connection = self._current.pop(pair)
            connection.sends = False
            if pair[0] == node and not silently:
                self._transmit(connection, None)
            elif pair[0] == node:
                delay = self._dice.uniform(0.3, 1.0) * self.weather.silence_s
                self._agenda.after(delay, partial(self._hang_up, connection))
            else:
                self._dial(pair, self._dice.uniform(0.001, self.weather.silence_s * 0.3))
        for pair in [pair for pair in self._accepted if pair[1] == node]:
            self._accepted.pop(pair).receives = False

    def send(self, sender: NodeId, receiver: NodeId, packet: Packet) -> None:
        """Put a packet under way; without a connection it is lost."""
        connection = self._current.get((sender, receiver))
        if connection is None or connection.broken:
            return
        if self.weather.drop_chance and self._dice.random() < self.weather.drop_chance:
            return
        self._transmit(connection, packet)
        if self.weather.duplicate_chance and self._dice.random() < self.weather.duplicate_chance:
            self._transmit(connection, packet)

    def cut(self, pair: Pair, cut: Cut) -> None:
        """Let nothing pass in one direction until `heal`; no more cuts after `heal_all`."""
        if self._at_peace:
            return
        self._cuts[pair] = cut
        if cut.noticed:
            for way in (pair, (pair[1], pair[0])):
                delay = self._dice.uniform(0.3, 1.0) * self.weather.silence_s
                self._agenda.after(delay, partial(self._notice, way, pair, cut))

    def heal(self, pair: Pair) -> None:
        """Let everything pass again, what was held first."""
        if self._cuts.pop(pair, None) is None:
            return
        for connection in self._holding.pop(pair, []):
            held, connection.held = connection.held, []
            for packet in held:
                self._transmit(connection, packet)

    def heal_all(self) -> None:
        """Heal every cut and slow link, for good: a fault under way cuts nothing any more."""
        self._at_peace = True
        for pair in sorted(self._cuts):
            self.heal(pair)
        self.slow.clear()

    def is_cut(self, pair: Pair) -> bool:
        """Whether nothing passes in this direction."""
        return pair in self._cuts

    @property
    def any_cut(self) -> bool:
        """Whether some direction is cut."""
        return bool(self._cuts)

    def _notice(self, way: Pair, pair: Pair, cut: Cut) -> None:
        """Break a connection whose packets or acknowledgements have been cut off for long."""
        connection = self._current.get(way)
        if self._cuts.get(pair) is cut and connection is not None:
            self._break(connection)

    def _break(self, connection: _Connection) -> None:
        if not connection.sends:
            return
        connection.sends = False
        if self._current.get(connection.pair) is connection:
            del self._current[connection.pair]
        self._dial(connection.pair, self._dice.uniform(0.02, 0.1))
        delay = self._dice.uniform(0.0, 1.0) * self.weather.silence_s
        self._agenda.after(delay, lambda: self._hang_up(connection))

    def _transmit(self, connection: _Connection, packet: Packet | None) -> None:
        """Send a packet, or None for the end of the stream."""
        cut = self._cuts.get(connection.pair)
        if cut is not None:
            self._stop(connection, packet, cut)
            return
        weather, dice = self.weather, self._dice
        delay = weather.latency_s * (1.0 + dice.random()) + self.slow.get(connection.pair, 0.0)
        if dice.random() < weather.spike_chance:
            delay += dice.random() * weather.spike_s
        arrival = max(connection.last_arrival, self._agenda.now + delay)
        connection.last_arrival = arrival
        self._agenda.at(arrival, lambda: self._arrive(connection, packet))

    def _stop(self, connection: _Connection, packet: Packet | None, cut: Cut) -> None:
        """Hold a packet back, or lose it and with it the connection."""
        if cut.holds:
            if not connection.held:
                self._holding.setdefault(connection.pair, []).append(connection)
            connection.held.append(packet)
        elif not connection.broken:
            connection.broken = True
            delay = self._dice.uniform(0.3, 1.0) * self.weather.silence_s
            self._agenda.after(delay, lambda: self._break(connection))

    def _arrive(self, connection: _Connection, packet: Packet | None) -> None:
        sender, receiver = connection.pair
        if connection.broken or self._members.life(receiver) != connection.receiver_life:
            return
        if not connection.receives:
            if not self.weather.late:
                return
            self.overtaken += 1
        if packet is None:
            self._hang_up(connection)
        else:
            self._members.arrive(receiver, sender, packet)

    def _hang_up(self, connection: _Connection) -> None:
        sender, receiver = connection.pair
        if self._accepted.get(connection.pair) is connection:
            del self._accepted[connection.pair]
            connection.receives = False
            if self._members.life(receiver) == connection.receiver_life:
                self._members.hang_up(receiver, sender)

    def _dial(self, pair: Pair, delay: float) -> None:
        attempt = self._dialing[pair] = self._dialing.get(pair, 0) + 1
        self._agenda.after(delay, lambda: self._try(pair, attempt, 0.05))

    def _try(self, pair: Pair, attempt: int, pause: float) -> None:
        """Connect, or try again after a pause that grows to a second."""
        sender, receiver = pair
        if self._dialing.get(pair) != attempt or pair in self._current:
            return
        if self._members.life(sender) is None:
            return
        life = self._members.life(receiver)
        if life is None or pair in self._cuts or (receiver, sender) in self._cuts:
            delay = pause * self._dice.uniform(0.5, 1.0)
            self._agenda.after(delay, lambda: self._try(pair, attempt, min(1.0, 2 * pause)))
            return
        self._accept(pair, life)

    def _accept(self, pair: Pair, life: int) -> None:
        """Make a connection; the receiver closes the older one of the same sender."""
        older = self._accepted.get(pair)
        if older is not None:
            older.receives = False
        self._made += 1
        connection = _Connection(pair, self._made, life)
        connection.last_arrival = self._agenda.now + self.weather.latency_s
        self._current[pair] = self._accepted[pair] = connection
