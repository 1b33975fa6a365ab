"""A group of Raft cores over a network and disks that tests command, with every law checked.

Time passes only when told. A disk keeps what was synced; a crash keeps a prefix of what was
written besides. Laws are checked whenever anything happens, against what the whole world has seen.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from aether.core.model.ids import NodeId
from aether.core.raft.entries import MEMBERS, Entry, HardState, Members, Peer, SnapshotPoint
from aether.core.raft.messages import AppendAnswer, Message, PreVoteAnswer, VoteAnswer
from aether.core.raft.raft import Raft
from aether.core.raft.values import LogStart, Output, Proposed, RaftConfig, Refusal, Role

Links = tuple[tuple[NodeId, Message], ...]


def peer(node: str) -> Peer:
    return Peer(NodeId(node), f"{node}:1")


def members(voters: str, learners: str = "") -> Members:
    return Members(tuple(map(peer, voters)), tuple(map(peer, learners)))


@dataclass
class Disk:
    """What one member has written: entries from `first` on."""

    hard_state: HardState
    snapshot: SnapshotPoint
    first: int = 1
    entries: list[Entry] = field(default_factory=list)

    @property
    def last(self) -> int:
        return self.first + len(self.entries) - 1

    def members(self) -> Members:
        """Return who the members are by what stands in the log."""
        for entry in reversed(self.entries):
            if entry.kind == MEMBERS and entry.index > self.snapshot.index:
                return msgspec_members(entry.data)
        return self.snapshot.members

    def copy(self) -> "Disk":
        return replace(self, entries=list(self.entries))

    def at(self, index: int) -> Entry | None:
        return self.entries[index - self.first] if self.first <= index <= self.last else None

    def write(self, hard_state: HardState | None, entries: Sequence[Entry]) -> None:
        if hard_state is not None:
            assert hard_state.term >= self.hard_state.term, "a term went back"
            self.hard_state = hard_state
        if entries:
            assert self.first <= entries[0].index <= self.last + 1, "a gap in the log"
            self.entries[entries[0].index - self.first :] = entries

    def read(self, first: int, last: int, max_bytes: int) -> Sequence[Entry]:
        assert self.first <= first <= last <= self.last, "read beyond the log"
        found: list[Entry] = []
        for entry in self.entries[first - self.first : last + 1 - self.first]:
            if found and sum(len(each.data) for each in found) + len(entry.data) > max_bytes:
                break
            found.append(entry)
        return found

    def start(self, tail: int) -> LogStart:
        """Return what a member starts with, `tail` entries of it in memory."""
        starts: list[tuple[int, int]] = []
        changes: list[tuple[int, Members]] = []
        for entry in self.entries:
            if not starts or starts[-1][1] != entry.term:
                starts.append((entry.index, entry.term))
            if entry.kind == MEMBERS and entry.index > self.snapshot.index:
                changes.append((entry.index, msgspec_members(entry.data)))
        return LogStart(
            hard_state=self.hard_state,
            snapshot=self.snapshot,
            first_index=self.first,
            last_index=self.last,
            term_starts=tuple(starts),
            members=tuple(changes),
            tail=tuple(self.entries[max(0, len(self.entries) - tail) :]),
        )


def msgspec_members(data: bytes) -> Members:
    import msgspec

    return msgspec.msgpack.decode(data, type=Members)


@dataclass
class Write:
    """Written, not synced: lost in a crash, wholly or from some point on."""

    hard_state: HardState | None
    entries: tuple[Entry, ...]
    promises: Links


class Host:
    """One member: a core, its disk and what it applied."""

    def __init__(self, world: "World", node: NodeId, founding: Members) -> None:
        self.world = world
        self.node = node
        self.founding = SnapshotPoint(0, 0, 0, founding)
        self.synced = Disk(HardState(0, ""), self.founding)
        self.written = self.synced.copy()
        self.pending: list[Write] = []
        self.alive = False
        self.lost = False  # whether it lost what it had promised, and has not got it back
        self.applied = 0
        self.raft: Raft
        self.start()

    def start(self, *, tail: int = 1000) -> None:
        self.alive = True
        if self.synced.last < self.synced.snapshot.index:  # the log is behind: it is of no use
            self.synced.first, self.synced.entries = self.synced.snapshot.index + 1, []
        self.written = self.synced.copy()
        self.applied = self.synced.snapshot.index
        config = replace(self.world.config, node=self.node, recovering=self.lost)
        dice = self.world.dice(self.node)
        self.raft = Raft(config, self.synced.start(tail), self, dice, self.world.now)
        self.seen = (0, 0)

    def read(self, first: int, last: int, max_bytes: int) -> Sequence[Entry]:
        return self.written.read(first, last, max_bytes)

    def crash(self, keep: int = 0) -> None:
        """Stop; of what was not synced the first `keep` writes reached the disk."""
        self.turn()
        assert self.raft.members == self.written.members(), f"{self.node} counts on others"
        for write in self.pending[:keep]:
            self.synced.write(write.hard_state, write.entries)
        lost = [entry for write in self.pending[keep:] for entry in write.entries]
        self.pending.clear()
        self.written = self.synced.copy()
        self.alive = False
        self.world.unwrote(lost)

    def erase(self) -> None:
        """Stop and lose the log and the snapshot, not the vote."""
        self.crash()
        self.synced = Disk(self.synced.hard_state, self.founding)
        self.written = self.synced.copy()
        self.lost = True
        self.world.forget_mail(self.node)

    def turn(self) -> bool:
        """Carry out what follows from the inputs, but sync nothing; False when nothing did."""
        output = self.raft.take()
        self.lost = self.raft.recovering
        self.world.check(self)
        self.world.send(self.node, output.messages)
        busy = bool(output.messages or output.promises or output.entries or output.hard_state)
        if output.hard_state or output.entries or output.promises:
            self.pending.append(Write(output.hard_state, output.entries, output.promises))
            self.written.write(output.hard_state, output.entries)
            self.world.wrote(self, output.entries)
        self.world.answered(self, output)
        while self.applied < output.commit:
            for entry in self.raft.entries(self.applied + 1, output.commit, 1000):
                self.world.apply(self, entry)
                self.applied = entry.index
        return busy

    def sync(self, count: int = 1) -> None:
        """Have the oldest writes reach the disk; tell the core, keep the promises."""
        done, self.pending = self.pending[:count], self.pending[count:]
        last: Entry | None = None
        for write in done:
            self.synced.write(write.hard_state, write.entries)
            last = write.entries[-1] if write.entries else last
        for write in done:
            self.world.send(self.node, write.promises)
        if last is not None:
            self.raft.persisted(last.index, last.term)

    def compact(self, keep: int) -> None:
        """Take a snapshot of what is applied; drop entries before it but the newest `keep`."""
        self.sync(len(self.pending))
        point = self.world.point(self, self.applied)
        for disk in (self.synced, self.written):
            disk.snapshot = point
            first = max(disk.first, min(self.applied - keep, disk.last) + 1)
            disk.entries = disk.entries[first - disk.first :]
            disk.first = first
        self.raft.compacted(self.written.first)

    def install(self, point: SnapshotPoint) -> bool:
        """Restore a snapshot that another sent; False when there is no need."""
        if not self.raft.needs_snapshot(point):
            return False
        for write in self.pending:
            self.synced.write(write.hard_state, ())
        self.pending.clear()
        for disk in (self.synced, self.written):
            disk.snapshot, disk.first, disk.entries = point, point.index + 1, []
        self.applied = point.index
        self.raft.installed(point, self.world.now)
        return True


class World:
    """The group, its network, and what it has seen."""

    def __init__(
        self,
        voters: str,
        dice: Callable[[NodeId], Callable[[], float]],
        *,
        config: RaftConfig | None = None,
        joining: str = "",
    ) -> None:
        self.now = 100.0
        self.dice = dice
        self.config = config or RaftConfig(node=NodeId("a"))
        self.mail: list[tuple[NodeId, NodeId, Message]] = []
        self.transfers: list[tuple[NodeId, NodeId]] = []
        self.cut: set[tuple[NodeId, NodeId]] = set()
        self.born: dict[tuple[int, int], tuple[int, Entry]] = {}
        self.committed: dict[int, Entry] = {}
        self.highest = 0
        self.leaders: dict[int, NodeId] = {}
        self.asked: dict[int, int] = {}  # read context -> highest commit anybody knew by then
        self.reads: list[tuple[NodeId, int, int | None]] = []
        self.events: list[str] = []
        self.hosts: dict[NodeId, Host] = {}
        for node in voters:
            self.hosts[NodeId(node)] = Host(self, NodeId(node), members(voters))
        for node in joining:
            self.hosts[NodeId(node)] = Host(self, NodeId(node), Members(()))

    # The network

    def send(self, sender: NodeId, links: Links) -> None:
        for target, message in links:
            if (sender, target) not in self.cut and target in self.hosts:
                self.mail.append((sender, target, message))

    def forget_mail(self, node: NodeId) -> None:
        """Drop what is under way from and to a former life of a member, as connections do."""
        self.mail = [each for each in self.mail if node not in each[:2]]

    def deliver(self, sender: NodeId, target: NodeId, message: Message) -> None:
        host = self.hosts[target]
        if host.alive:
            host.raft.receive(sender, message, self.now)

    def settle(self, most: int = 10_000) -> None:
        """Sync and deliver in order until nothing is left to do."""
        for _ in range(most):
            busy = False
            for host in self.hosts.values():
                if host.alive:
                    busy |= host.turn()
                    host.sync(len(host.pending))
            busy |= self._hand_over()
            mail, self.mail = self.mail, []
            for sender, target, message in mail:
                self.deliver(sender, target, message)
            if not busy and not mail:
                return
        raise AssertionError("the group never comes to rest")

    def _hand_over(self) -> bool:
        transfers, self.transfers = self.transfers, []
        for sender, target in transfers:
            self.transfer_snapshot(sender, target, lost=(sender, target) in self.cut)
        return bool(transfers)

    def transfer_snapshot(self, sender: NodeId, target: NodeId, *, lost: bool) -> None:
        leader, follower = self.hosts[sender], self.hosts[target]
        if not leader.alive:
            return
        point = leader.written.snapshot
        if lost or not follower.alive or point.index == 0:
            leader.raft.snapshot_sent(target, None, self.now)
            return
        if follower.install(point):
            self.events.append(f"{target} installs the snapshot at {point.index}")
        leader.raft.snapshot_sent(target, point.index, self.now)

    def advance(self, seconds: float) -> None:
        self.now += seconds
        for host in self.hosts.values():
            if host.alive:
                host.raft.tick(self.now)

    def run(self, seconds: float, step: float = 0.01) -> None:
        """Let time pass, everything settled at each step."""
        for _ in range(round(seconds / step)):
            self.advance(step)
            self.settle()

    # Requests

    def leader(self) -> Host | None:
        """Return the leader of the highest term."""
        leading = [h for h in self.hosts.values() if h.alive and h.raft.role is Role.LEADER]
        return max(leading, key=lambda host: host.raft.term, default=None)

    def await_leader(self, seconds: float = 10.0) -> Host:
        """Let time pass until a leader has committed something of its own term."""
        end = self.now + seconds
        while self.now < end:
            host = self.leader()
            if host is not None and host.raft.term_at(host.raft.commit) == host.raft.term:
                return host
            self.advance(0.01)
            self.settle()
        raise AssertionError("nobody leads")

    def propose(self, host: Host, *data: bytes) -> Proposed | Refusal:
        return host.raft.propose(data, self.now)

    def read(self, host: Host, context: int) -> None:
        self.asked[context] = self.highest
        host.raft.read(context, self.now)

    # Laws

    def point(self, host: Host, index: int) -> SnapshotPoint:
        """Return where a snapshot of `index` entries stands."""
        if index == host.written.snapshot.index:
            return host.written.snapshot
        entry = self.committed[index]
        return SnapshotPoint(index, entry.term, entry.time_ms, host.raft.members_at(index))

    def wrote(self, host: Host, entries: Sequence[Entry]) -> None:
        """Log matching: an index and a term name one entry and one history."""
        for entry in entries:
            before = host.raft.term_at(entry.index - 1)
            if before is not None:
                known = self.born.setdefault((entry.index, entry.term), (before, entry))
                assert known == (before, entry), f"two entries {entry.index} of term {entry.term}"

    def unwrote(self, entries: Sequence[Entry]) -> None:
        """Forget entries that nobody holds: who votes alone may give their places again."""
        for entry in entries:
            holders = (host.written.at(entry.index) for host in self.hosts.values())
            if entry not in holders:
                self.born.pop((entry.index, entry.term), None)

    def apply(self, host: Host, entry: Entry) -> None:
        """State-machine safety: everybody applies the same entry at an index, in order."""
        assert entry.index == host.applied + 1
        assert self.committed.setdefault(entry.index, entry) == entry, f"{host.node}: {entry}"
        before = self.committed.get(entry.index - 1)
        assert before is None or before.time_ms <= entry.time_ms, "cluster time went back"

    def check(self, host: Host) -> None:
        """One leader in a term, which holds everything committed; terms and commits only grow."""
        raft = host.raft
        assert (raft.term, raft.commit) >= host.seen
        assert raft.commit >= host.seen[1]
        host.seen = (raft.term, raft.commit)
        self.highest = max(self.highest, raft.commit)
        if raft.role is not Role.LEADER:
            return
        if raft.term not in self.leaders:
            self.events.append(f"{host.node} leads in term {raft.term}")
            for index in range(raft.first_index, max(self.committed, default=0) + 1):
                assert raft.term_at(index) == self.committed[index].term, f"{index} is missing"
        assert self.leaders.setdefault(raft.term, host.node) == host.node, "two leaders in a term"

    def answered(self, host: Host, output: Output) -> None:
        """Reads see all that anybody had committed when they were asked."""
        for read in output.reads:
            if read.index is not None:
                assert read.index >= self.asked[read.context], "a stale read"
            self.reads.append((host.node, read.context, read.index))
        self.transfers += [(host.node, target) for target in output.snapshots]
        if output.members is not None:
            voters = " ".join(p.node for p in output.members.voters)
            learners = " ".join(p.node for p in output.members.learners)
            self.events.append(
                f"{host.node} counts voters {voters}" + (f", learners {learners}" * bool(learners))
            )


class Bench:
    """One core alone, what it gives out recorded; its disk syncs at once unless told otherwise."""

    def __init__(
        self,
        voters: str = "abc",
        *,
        entries: Sequence[Entry] = (),
        hard_state: HardState | None = None,
        config: RaftConfig | None = None,
        snapshot: SnapshotPoint | None = None,
    ) -> None:
        self.now = 0.0
        point = snapshot or SnapshotPoint(0, 0, 0, members(voters))
        first = entries[0].index if entries else point.index + 1
        self.disk = Disk(hard_state or HardState(0, ""), point, first, list(entries))
        self.config = config or RaftConfig(node=NodeId("a"))
        self.raft = Raft(self.config, self.disk.start(1000), self.disk, lambda: 0.0, 0.0)
        self.out: list[tuple[NodeId, Message]] = []

    def take(self, *, sync: bool = True) -> Output:
        output = self.raft.take()
        self.disk.write(output.hard_state, output.entries)
        self.out = [*output.messages, *output.promises]
        if sync and output.entries:
            self.raft.persisted(output.entries[-1].index, output.entries[-1].term)
        return output

    def tell(self, sender: str, message: Message) -> list[Message]:
        """Give it a message; return what it answers to the sender."""
        self.raft.receive(NodeId(sender), message, self.now)
        self.take()
        return [message for target, message in self.out if target == sender]

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.raft.tick(self.now)

    def lead(self) -> Output:
        """Win an election with the votes of all; return what it then gives out."""
        self.wait(2.1)
        self.take()
        term, voters = self.raft.term + 1, [p.node for p in self.raft.members.voters]
        for node in voters:
            self.raft.receive(node, PreVoteAnswer(term, granted=True), self.now)
        self.take()
        for node in voters:
            self.raft.receive(node, VoteAnswer(term, granted=True), self.now)
        output = self.take()
        assert self.raft.role is Role.LEADER
        return output

    def accept(self, node: str, index: int, round_: int = 0) -> list[Message]:
        answer = AppendAnswer(
            term=self.raft.term,
            round=round_,
            accepted=True,
            prev_index=max(0, index - 1),
            index=index,
            hint_term=0,
        )
        return self.tell(node, answer)


def entry(index: int, term: int, data: bytes = b"") -> Entry:
    return Entry(index, term, 0, index, data)
