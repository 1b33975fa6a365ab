"""What the network keeps in order, holds back, breaks and never brings back to life."""

import random
from typing import Any

from aether.core.model.ids import NodeId
from aether_forge.sim.raft.agenda import Agenda
from aether_forge.sim.raft.network import Cut, Network, Weather

A, B, C = (NodeId(name) for name in "abc")


class Crowd:
    """Members that note what reaches them."""

    def __init__(self, **weather: Any) -> None:
        self.lives: dict[NodeId, int | None] = {A: 1, B: 1, C: 1}
        self.heard: list[tuple[NodeId, NodeId, Any]] = []
        self.agenda = Agenda()
        self.network = Network(self.agenda, random.Random(1), Weather(**weather), self)
        for node in (A, B, C):
            self.network.join(node, [other for other in (A, B, C) if other != node])
        self.agenda.run_until(0.5)

    def life(self, node: NodeId) -> int | None:
        return self.lives[node]

    def arrive(self, node: NodeId, sender: NodeId, packet: Any) -> None:
        self.heard.append((node, sender, packet))

    def hang_up(self, node: NodeId, sender: NodeId) -> None:
        self.heard.append((node, sender, "hang up"))

    def run(self, seconds: float) -> None:
        self.agenda.run_until(self.agenda.now + seconds)

    def at_b(self) -> list[Any]:
        return [packet for node, sender, packet in self.heard if (node, sender) == (B, A)]


def test_packets_arrive_once_and_in_order_whatever_the_spikes() -> None:
    crowd = Crowd(spike_chance=0.3)
    for number in range(200):
        crowd.network.send(A, B, number)
        crowd.run(0.001)
    crowd.run(1.0)
    assert crowd.at_b() == list(range(200))


def test_a_cut_that_holds_delivers_after_healing() -> None:
    crowd = Crowd()
    crowd.network.cut((A, B), Cut(holds=True, noticed=False))
    crowd.network.send(A, B, 1)
    crowd.network.send(B, A, 2)
    crowd.run(5.0)
    assert crowd.heard == [(A, B, 2)]
    crowd.network.heal((A, B))
    crowd.run(1.0)
    assert crowd.at_b() == [1]


def test_a_cut_that_breaks_loses_what_was_sent_and_ends_the_connection() -> None:
    crowd = Crowd()
    crowd.network.cut((A, B), Cut(holds=False, noticed=False))
    crowd.network.send(A, B, 1)
    crowd.network.heal((A, B))
    crowd.network.send(A, B, 2)
    crowd.run(5.0)
    crowd.network.send(A, B, 3)
    crowd.run(1.0)
    assert [packet for packet in crowd.at_b() if packet != "hang up"] == [3]


def test_what_was_held_may_arrive_behind_a_newer_connection_or_never() -> None:
    for late in (True, False):
        crowd = Crowd(late=late)
        crowd.network.cut((A, B), Cut(holds=True))
        crowd.network.send(A, B, "old")
        crowd.run(3.0)
        crowd.network.heal((A, B))
        crowd.network.send(A, B, "lost while nothing is connected")
        crowd.run(3.0)
        crowd.network.send(A, B, "new")
        crowd.run(1.0)
        assert crowd.at_b() == (["hang up", "old", "new"] if late else ["hang up", "new"])


def test_a_killed_sender_hangs_up_behind_its_data() -> None:
    crowd = Crowd()
    crowd.network.send(A, B, 1)
    crowd.lives[A] = None
    crowd.network.leave(A, silently=False)
    crowd.run(0.1)
    assert crowd.at_b() == [1, "hang up"]


def test_a_machine_without_power_is_noticed_later() -> None:
    crowd = Crowd()
    crowd.lives[A] = None
    crowd.network.leave(A, silently=True)
    crowd.run(0.1)
    assert crowd.at_b() == []
    crowd.run(2.0)
    assert crowd.at_b() == ["hang up"]


def test_nothing_sent_to_a_process_reaches_the_next_one() -> None:
    crowd = Crowd()
    crowd.network.send(A, B, "for the dead")
    crowd.lives[B] = None
    crowd.network.leave(B, silently=False)
    crowd.lives[B] = 2
    crowd.network.join(B, [A, C])
    crowd.run(2.0)
    assert crowd.at_b() == []
    crowd.network.send(A, B, "for the living")
    crowd.run(1.0)
    assert crowd.at_b() == ["for the living"]


def test_duplicates_come_only_when_asked_for() -> None:
    crowd = Crowd(duplicate_chance=1.0)
    crowd.network.send(A, B, 1)
    crowd.run(1.0)
    assert crowd.at_b() == [1, 1]


def test_what_is_healed_for_good_is_not_cut_again() -> None:
    crowd = Crowd()
    crowd.network.cut((A, B), Cut(holds=True, noticed=False))
    crowd.network.heal_all()
    crowd.network.cut((A, B), Cut(holds=True, noticed=False))
    crowd.network.send(A, B, 1)
    crowd.run(1.0)
    assert crowd.at_b() == [1]
