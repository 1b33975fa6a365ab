"""Stories of a Raft group in plain text: a command, a line of dashes, what happens.

With AETHER_BLESS=1 the files are rewritten with what happens now; the difference is reviewed.

Commands: `nodes VOTERS [JOINING]`, `run SECONDS`, `propose NODE WORD...`, `read NODE`, `cut A B` (both
ways, or all when B is missing), `one-way A B`, `heal`, `crash NODE...`, `start NODE`,
`erase NODE`, `add|promote|remove LEADER NODE`, `transfer LEADER [NODE]`, `lose-link NODE LEADER`,
`compact NODE KEEP`, `full NODE`, `empty NODE`, `log NODE`, `status`.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from aether.core.model.ids import NodeId
from aether.core.raft.values import AddLearner, Promote, Proposed, Refusal, Remove
from tests.raft_world import Host, World, peer

STORIES = sorted((Path(__file__).parent / "stories").glob("*.txt"))
PATIENCE = {"a": 0.1, "b": 0.4, "c": 0.7, "d": 0.8, "e": 0.9, "x": 0.5, "y": 0.6}
"""What each node's dice always show: `a` loses patience first."""


class Story:
    """The world of one story and the commands that steer it."""

    def __init__(self) -> None:
        self.world = World("", self.dice)
        self.context = 0

    @staticmethod
    def dice(node: NodeId) -> Callable[[], float]:
        return lambda: PATIENCE[node]

    def host(self, node: str) -> Host:
        return self.world.hosts[NodeId(node)]

    def tell(self, line: str) -> str:
        """Carry out one command; return what happened, a line for each event."""
        name, *words = line.split()
        del self.world.events[:]
        said = getattr(self, "do_" + name.replace("-", "_"))(*words) or []
        if name != "run":
            self.world.settle()
        reads = [f"{n} may read at {i}" for n, _, i in self.world.reads if i is not None]
        lost = [f"{n} must ask again" for n, _, i in self.world.reads if i is None]
        self.world.reads.clear()
        return "\n".join([*said, *self.world.events, *reads, *lost]) or "ok"

    def answer(self, result: Proposed | Refusal | None) -> list[str]:
        match result:
            case Refusal():
                return [f"refused: {result.code}: {result.message}"]
            case Proposed():
                return [f"proposed at {result.first_index} in term {result.term}"]
            case None:
                return []

    def do_nodes(self, voters: str, joining: str = "") -> None:
        self.world = World(voters, self.dice, joining=joining)

    def do_run(self, seconds: str) -> None:
        self.world.run(float(seconds), 0.05)

    def do_propose(self, node: str, *words: str) -> list[str]:
        data = tuple(word.encode() for word in words)
        return self.answer(self.world.propose(self.host(node), *data))

    def do_read(self, node: str) -> None:
        self.context += 1
        self.world.read(self.host(node), self.context)

    def do_cut(self, node: str, other: str = "") -> None:
        for name in other or self.world.hosts:
            if name != node:
                self.world.cut |= {(NodeId(node), NodeId(name)), (NodeId(name), NodeId(node))}

    def do_one_way(self, sender: str, target: str) -> None:
        self.world.cut.add((NodeId(sender), NodeId(target)))

    def do_heal(self) -> None:
        self.world.cut.clear()

    def do_crash(self, *nodes: str) -> None:
        for node in nodes:
            self.host(node).crash()

    def do_start(self, node: str) -> None:
        self.host(node).start()

    def do_erase(self, node: str) -> None:
        self.host(node).erase()

    def do_add(self, leader: str, node: str) -> list[str]:
        return self.answer(self.host(leader).raft.change(AddLearner(peer(node)), self.world.now))

    def do_promote(self, leader: str, node: str) -> list[str]:
        change = Promote(NodeId(node))
        return self.answer(self.host(leader).raft.change(change, self.world.now))

    def do_remove(self, leader: str, node: str) -> list[str]:
        return self.answer(self.host(leader).raft.change(Remove(NodeId(node)), self.world.now))

    def do_transfer(self, leader: str, node: str = "") -> list[str]:
        target = NodeId(node) if node else None
        return self.answer(self.host(leader).raft.transfer(target, self.world.now))

    def do_lose_link(self, node: str, leader: str) -> None:
        self.host(node).raft.link_lost(NodeId(leader), self.world.now)

    def do_compact(self, node: str, keep: str) -> None:
        self.host(node).compact(int(keep))

    def do_full(self, node: str) -> None:
        self.host(node).raft.set_writable(False, self.world.now)

    def do_empty(self, node: str) -> None:
        self.host(node).raft.set_writable(True, self.world.now)

    def do_log(self, node: str) -> list[str]:
        host = self.host(node)
        kinds = {0: "", 1: "noop", 2: "members"}
        return [
            f"{e.index}/{e.term} {kinds[e.kind] or e.data.decode()}" for e in host.written.entries
        ]

    def do_status(self) -> list[str]:
        return [self.describe(host) for host in self.world.hosts.values()]

    def describe(self, host: Host) -> str:
        if not host.alive:
            return f"{host.node}: down"
        raft = host.raft
        line = f"{host.node}: {raft.role} of {raft.leader or 'nobody'} in term {raft.term}"
        line += f", {raft.commit} of {raft.last_index} committed"
        peers = [f"{p.node} {p.state} {p.match}" for p in raft.status(self.world.now).peers]
        line += f" ({', '.join(peers)})" * bool(peers)
        return line + ", recovering" * raft.recovering


def parse(text: str) -> list[tuple[str, str]]:
    """Return (command, expected) pairs; lines before a command that begin with # go with it."""
    blocks = (block.partition("\n----") for block in text.strip().split("\n\n"))
    return [(command, expected.lstrip("\n")) for command, _, expected in blocks]


@pytest.mark.parametrize("path", STORIES, ids=lambda path: str(path.stem))
def test_the_story_goes_as_told(path: Path) -> None:
    story = Story()
    told: list[str] = []
    for command, _ in (pairs := parse(path.read_text())):
        lines = [line for line in command.splitlines() if not line.startswith("#")]
        happened = "\n".join(story.tell(line) for line in lines)
        told.append(f"{command}\n----\n{happened}")
    if os.environ.get("AETHER_BLESS"):
        path.write_text("\n\n".join(told) + "\n")
    assert told == [
        f"{command}\n----\n{expected}" for command, expected in pairs
    ] or os.environ.get("AETHER_BLESS")


def test_every_kind_of_story_is_told() -> None:
    assert {path.stem for path in STORIES} >= {
        "conflicts",
        "elections",
        "membership",
        "partitions",
        "recovering",
        "snapshots",
        "transfer",
    }
