"""Storms over a group of Raft cores: one seed, one story, every law of the world checked.

Messages are lost, doubled, reordered and repeated much later; members crash losing what they had
not synced, join, are promoted and removed; logs are compacted; leadership is handed over.
"""

import random
from collections import Counter
from collections.abc import Callable

from aether.core.model.ids import NodeId
from aether.core.raft.messages import Message
from aether.core.raft.values import (
    AddLearner,
    Change,
    Promote,
    Proposed,
    RaftConfig,
    Remove,
    Role,
)
from tests.raft_world import Host, World, peer

CONFIG = RaftConfig(
    node=NodeId("a"), max_append_bytes=12, max_in_flight=4, max_in_flight_bytes=40, tail_bytes=600
)
"""Small windows, so that storms reach their edges."""


class Storm:
    """One seed's story."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.count: Counter[str] = Counter()
        voters = self.rng.choice(["abc", "abc", "abcde", "ab", "abcd"])
        self.world = World(voters, self.dice, config=CONFIG, joining="xy")
        self.old: list[tuple[NodeId, NodeId, Message]] = []
        self.serial = 0
        self.loss = self.rng.choice([0.0, 0.02, 0.2])
        self.steps: list[tuple[Callable[[], None], int]] = [
            (self.pass_time, 20),
            (self.deliver, 60),
            (self.sync, 25),
            (self.propose, 12),
            (self.read, 4),
            (self.crash, self.rng.choice([0, 1, 2])),
            (self.restart, 3),
            (self.cut, 1),
            (self.heal, 2),
            (self.isolate_leader, self.rng.choice([0, 2])),
            (self.change, 2),
            (self.compact, 1),
            (self.hand_over, 1),
            (self.lose_link, 1),
            (self.fill, 1),
            (self.repeat, 3),
            (self.send_snapshot, 4),
            (self.erase, self.rng.choice([0, 0, 1])),
        ]

    def dice(self, node: NodeId) -> Callable[[], float]:
        return random.Random(f"{self.rng.random()}/{node}").random

    def alive(self) -> list[Host]:
        return [host for host in self.world.hosts.values() if host.alive]

    def any_host(self) -> Host | None:
        hosts = self.alive()
        return self.rng.choice(hosts) if hosts else None

    def run(self, steps: int) -> Counter[str]:
        actions = [action for action, _ in self.steps]
        weights = [weight for _, weight in self.steps]
        for action in self.rng.choices(actions, weights, k=steps):
            action()
            if self.rng.random() < 0.8:
                for host in self.alive():
                    host.turn()
        self.heal_all()
        return self.count

    def pass_time(self) -> None:
        self.world.now += self.rng.choice([0.005, 0.02, 0.1, 0.3])
        for host in self.alive():
            if self.rng.random() < 0.9:
                host.raft.tick(self.world.now)

    def deliver(self) -> None:
        mail = self.world.mail
        for _ in range(min(len(mail), self.rng.randint(1, 6))):
            ordered = self.rng.random() < 0.7
            sender, target, message = mail.pop(0 if ordered else self.rng.randrange(len(mail)))
            if self.rng.random() < self.loss or (sender, target) in self.world.cut:
                continue
            if self.rng.random() < 0.1:
                self.old.append((sender, target, message))
            self.world.deliver(sender, target, message)
            if self.rng.random() < 0.03:
                self.world.deliver(sender, target, message)
            if self.rng.random() < 0.6:
                self.world.hosts[target].alive and self.world.hosts[target].turn()

    def repeat(self) -> None:
        if self.old:
            self.world.deliver(*self.rng.choice(self.old))

    def sync(self) -> None:
        for host in self.alive():
            if self.rng.random() < 0.7:
                host.sync(self.rng.randint(1, 3))

    def propose(self) -> None:
        host = self.world.leader() if self.rng.random() < 0.8 else self.any_host()
        if host is not None:
            self.serial += 1
            data = [f"{self.serial}.{n}".encode() for n in range(self.rng.randint(1, 5))]
            if isinstance(self.world.propose(host, *data), Proposed):
                self.count["proposed"] += 1

    def read(self) -> None:
        host = self.any_host()
        if host is not None:
            self.serial += 1
            self.world.read(host, self.serial)

    def crash(self) -> None:
        host = self.any_host()
        if host is not None:
            host.crash(self.rng.randint(0, len(host.pending)))
            self.count["crash"] += 1

    def erase(self) -> None:
        """One member at a time loses its log: a second one could be the last to hold something."""
        host, leader = self.any_host(), self.world.leader()
        hosts = self.world.hosts.values()
        if host is None or leader is None or any(each.lost for each in hosts):
            return
        for each in hosts:
            known = (each.raft.members, each.raft.members_at(each.raft.commit))
            if any(len(members.voters) in (1, 2) for members in known):
                return
        host.erase()
        self.old = [each for each in self.old if host.node not in each[:2]]
        self.count["erase"] += 1

    def restart(self) -> None:
        dead = [host for host in self.world.hosts.values() if not host.alive]
        if dead:
            self.rng.choice(dead).start(tail=self.rng.choice([0, 3, 100]))

    def cut(self) -> None:
        nodes = list(self.world.hosts)
        if self.rng.random() < 0.5:
            self.world.cut.add((self.rng.choice(nodes), self.rng.choice(nodes)))
            return
        side = {node for node in nodes if self.rng.random() < 0.5}
        self.world.cut |= {(a, b) for a in nodes for b in nodes if (a in side) != (b in side)}

    def isolate_leader(self) -> None:
        """Cut the leader off so that others notice at once, and it does not."""
        leader = self.world.leader()
        if leader is None:
            return
        for host in self.alive():
            if host is not leader:
                self.world.cut |= {(leader.node, host.node), (host.node, leader.node)}
                host.raft.link_lost(leader.node, self.world.now)
        for _ in range(2):
            self.serial += 1
            self.world.now += 0.11
            self.world.settle()
            for host in self.alive():
                if host is not leader:
                    host.raft.tick(self.world.now)
            self.world.settle()
            self.world.read(leader, self.serial)
            leader.turn()

    def heal(self) -> None:
        self.world.cut.clear()

    def change(self) -> None:
        leading = [each for each in self.alive() if each.raft.role is Role.LEADER]
        host = self.rng.choice(leading) if leading else None
        if host is None or any(each.lost for each in self.world.hosts.values()):
            return  # a recovering member has no vote: a change could make it indispensable
        node = self.rng.choice(list(self.world.hosts))
        changes: list[Change] = [AddLearner(peer(node)), Promote(node), Remove(node)]
        if isinstance(host.raft.change(self.rng.choice(changes), self.world.now), Proposed):
            self.count["change"] += 1

    def compact(self) -> None:
        host = self.any_host()
        if host is not None and host.applied > host.written.snapshot.index:
            host.compact(self.rng.choice([0, 2, 10]))
            self.count["compact"] += 1

    def hand_over(self) -> None:
        host = self.world.leader()
        if host is not None:
            target = self.rng.choice([None, *self.world.hosts])
            if host.raft.transfer(target, self.world.now) is None:
                self.count["transfer"] += 1

    def lose_link(self) -> None:
        host = self.any_host()
        if host is not None:
            host.raft.link_lost(self.rng.choice(list(self.world.hosts)), self.world.now)

    def fill(self) -> None:
        host = self.any_host()
        if host is not None:
            host.raft.set_writable(self.rng.random() < 0.7, self.world.now)

    def send_snapshot(self) -> None:
        if self.world.transfers:
            sender, target = self.world.transfers.pop(0)
            before = len(self.world.events)
            self.world.transfer_snapshot(sender, target, lost=self.rng.random() < 0.3)
            self.count["installed"] += len(self.world.events) - before

    def heal_all(self) -> None:
        """Everything works again: a leader comes, what it takes commits, everybody has it."""
        self.world.cut.clear()
        for host in self.world.hosts.values():
            if not host.alive:
                host.start()
            host.raft.set_writable(True, self.world.now)
        self.world.settle()
        self.commit_last()
        self.world.run(1.0)
        leader = self.world.await_leader()
        everybody = {*leader.raft.members.voters, *leader.raft.members.learners}
        for node in sorted(each.node for each in everybody):
            host = self.world.hosts[node]
            assert not host.lost
            assert host.applied == leader.applied, f"{node} has {host.applied}"
        self.count["committed"] += leader.applied
        self.count["terms"] += len(self.world.leaders)
        self.count["reads"] += sum(index is not None for _, _, index in self.world.reads)
        assert sum(host.raft.role is Role.LEADER for host in self.alive()) == 1

    def commit_last(self) -> None:
        """Propose until it commits: leaders may still change, for one that takes itself out."""
        for _ in range(20):
            leader = self.world.await_leader(30.0)
            proposed = self.world.propose(leader, b"last")
            self.world.run(1.0)
            if isinstance(proposed, Proposed):
                entry = self.world.committed.get(proposed.first_index)
                if entry is not None and entry.data == b"last":
                    return
        raise AssertionError("nothing commits")


def storm(seed: int, steps: int = 1500) -> Counter[str]:
    """Run one seed; raises AssertionError where a law is broken."""
    return Storm(seed).run(steps)
