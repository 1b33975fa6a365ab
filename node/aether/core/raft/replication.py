"""The leader sends its log: probes, a window of Appends, heartbeats, and what the answers say."""

from aether.core.model.ids import NodeId
from aether.core.raft.entries import Entry
from aether.core.raft.local import NEVER, Local
from aether.core.raft.messages import Append, AppendAnswer
from aether.core.raft.progress import Progress, Stage
from aether.core.raft.tail import data_bytes

MOST_APPENDS_A_TURN = 8
"""Most Appends with entries sent to one peer at a time; its answers ask for the rest."""


class Replication:
    """The leader's view of every peer, those about to leave included."""

    __slots__ = ("_last", "_leaving", "_local", "_sure_at", "notice_at", "peers", "round")

    def __init__(self, local: Local) -> None:
        self._local = local
        self.peers: dict[NodeId, Progress] = {}
        self._leaving: dict[NodeId, int] = {}
        self.round = 0
        """Counts broadcasts: an answer to round r proves leadership when r was sent."""
        self.notice_at = NEVER
        """When peers are told of a commit that no Append told them of."""
        self._last: Append | None = None
        # Who votes alone leads before its own vote is on disk: until its first entry is, its
        # Appends to learners wait for the disk. Others had to have it synced to be voted for.
        alone = local.membership.voters == {local.node}
        self._sure_at = local.log.last_index + 1 if alone else 0
        self.follow_members()

    def follow_members(self) -> None:
        """Begin with new members; those taken out are served until that is committed."""
        local = self._local
        members = local.membership.all - {local.node}
        for node in sorted(members - self.peers.keys()):
            self.peers[node] = Progress(node, local.log.last_index + 1, local.now)
        for node in self.peers:
            if node in members:
                self._leaving.pop(node, None)
            else:
                self._leaving.setdefault(node, local.membership.index)

    def flush(self) -> None:
        """Send every peer what it has not been sent: entries, the round, the commit index."""
        local = self._local
        commit = local.log.commit
        notice_at, self.notice_at = self.notice_at, NEVER
        if notice_at == NEVER:
            notice_at = local.now + local.config.notice_s
        for peer in self.peers.values():
            if self._send_entries(peer):
                continue
            idle = not peer.in_flight and peer.stage is Stage.REPLICATE
            untold = peer.told_commit < commit and idle
            if untold and peer.told_commit >= peer.waits_for and local.now < notice_at:
                self.notice_at = notice_at
                untold = False
            probe = peer.stage is Stage.PROBE and not peer.waiting
            if peer.told_round < self.round or untold or probe:
                self._send_empty(peer)
        for node, index in list(self._leaving.items()):
            if index <= commit:
                del self._leaving[node]
                del self.peers[node]

    def hasten(self, node: NodeId, index: int) -> None:
        """Tell a peer of commits up to `index` without delay: it waits for that one."""
        peer = self.peers.get(node)
        if peer is not None:
            peer.waits_for = max(peer.waits_for, index)

    def _send_entries(self, peer: Progress) -> bool:
        log, config = self._local.log, self._local.config
        count = 0
        while count < MOST_APPENDS_A_TURN and peer.next <= log.last_index and peer.has_room(config):
            prev_term = log.term_at(peer.next - 1)
            entries: tuple[Entry, ...] = ()
            size = 0
            if prev_term is not None:
                entries, size = self._offered(peer)
            if prev_term is None or not entries:
                self._ask_snapshot(peer)
                break
            self._append(peer, peer.next - 1, prev_term, entries)
            peer.sent(entries[-1].index, size)
            count += 1
        return count > 0

    def _offered(self, peer: Progress) -> tuple[tuple[Entry, ...], int]:
        """Return what the next Append to a peer carries, and its bytes."""
        log = self._local.log
        if not peer.takes_none:
            return log.batch(peer.next, self._local.config.max_append_bytes)
        entries = tuple(log.entries(peer.next, peer.next, 0))
        return entries, data_bytes(entries)

    def _send_empty(self, peer: Progress) -> None:
        """Send a heartbeat, which is also a probe: refused, it shows that an Append was lost."""
        log = self._local.log
        prev_term = log.term_at(peer.next - 1)
        if peer.stage is not Stage.SNAPSHOT and prev_term is None:
            self._ask_snapshot(peer)
        if peer.stage is Stage.SNAPSHOT or prev_term is None:
            self._append(peer, 0, 0, ())  # every log agrees on its beginning
            return
        if peer.stage is Stage.PROBE:
            peer.waiting = True
        self._append(peer, peer.next - 1, prev_term, ())

    def _append(
        self, peer: Progress, prev: int, prev_term: int, entries: tuple[Entry, ...]
    ) -> None:
        """Send an Append; the same object to peers that are equally far, to be encoded once."""
        local, log, last = self._local, self._local.log, self._last
        if (
            last is None
            or last.prev_index != prev
            or last.entries is not entries
            or last.round != self.round
            or last.commit != log.commit
            or last.last_index != log.last_index
        ):
            last = Append(
                local.term, self.round, prev, prev_term, log.commit, entries, log.last_index
            )
            self._last = last
        peer.told_round = self.round
        peer.told_commit = min(log.commit, prev + len(entries))
        is_sure = log.persisted >= self._sure_at
        outbox = local.outbox.messages if is_sure else local.outbox.promises
        outbox.append((peer.node, last))

    def _ask_snapshot(self, peer: Progress) -> None:
        peer.go(Stage.SNAPSHOT, peer.next)
        self._local.outbox.snapshots.append(peer.node)

    def on_answer(self, peer: Progress, answer: AppendAnswer) -> None:
        """Learn from an answer of this term how far a peer is."""
        if answer.round > self.round or answer.prev_index < 0:
            return  # not an answer to anything this leader sent
        peer.heard = self._local.now
        peer.round = max(peer.round, answer.round)
        if answer.accepted:
            self._on_accepted(peer, answer)
        else:
            self._on_refused(peer, answer)

    def _on_accepted(self, peer: Progress, answer: AppendAnswer) -> None:
        log = self._local.log
        if answer.index > log.last_index:
            return
        asked = peer.next
        peer.matched(answer.index, self.round)
        if peer.stage is Stage.PROBE and answer.prev_index >= asked - 1:
            # Entries flow freely only once some arrived: a peer that cannot write takes none.
            if answer.index >= asked or peer.next > log.last_index:
                peer.go(Stage.REPLICATE, peer.next)
            else:
                peer.waiting = False
                peer.takes_none = True
        elif peer.stage is Stage.SNAPSHOT and peer.match + 1 >= log.first_index:
            peer.go(Stage.PROBE, peer.match + 1)

    def _on_refused(self, peer: Progress, answer: AppendAnswer) -> None:
        log = self._local.log
        if peer.stage is Stage.SNAPSHOT:
            return
        hint = log.last_at_most(min(answer.index, answer.prev_index - 1), answer.hint_term)
        hint = max(hint, 0)
        if answer.prev_index <= peer.match:
            # Refused although it had acknowledged: an old answer, or its disk lost what it had.
            if answer.round > peer.match_round:
                peer.forget(hint + 1)
        elif peer.stage is Stage.REPLICATE or answer.prev_index == peer.next - 1:
            peer.go(Stage.PROBE, max(hint, peer.match) + 1)

    def snapshot_sent(self, node: NodeId, index: int | None) -> None:
        """Go on behind the snapshot a peer holds; None: the transfer failed."""
        peer = self.peers.get(node)
        if peer is None or peer.stage is not Stage.SNAPSHOT:
            return
        if index is None:
            peer.go(Stage.PROBE, peer.match + 1)
            peer.waiting = True  # the next heartbeat finds that it still needs one
            return
        peer.go(Stage.PROBE, max(min(index, self._local.log.last_index), peer.match) + 1)
