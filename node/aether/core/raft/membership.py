"""Who the members are, from which entry on: a change counts from when it is appended."""

from collections.abc import Sequence

import msgspec

from aether.core.model.ids import NodeId
from aether.core.raft.entries import Members, Peer
from aether.core.raft.values import AddLearner, Change, Promote, Refusal, Remove

MAX_VOTERS = 7
"""Most voters a promotion leads to: each write waits for a majority of them, and no operator gains by
surviving the loss of more than three at once. Nodes beyond are learners and host like all others."""

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Members)


def encode_members(members: Members) -> bytes:
    """Return what a MEMBERS entry carries."""
    return _encoder.encode(members)


def decode_members(data: bytes) -> Members | None:
    """Return the members of a MEMBERS entry, None when the data is not one or names no voter."""
    try:
        members = _decoder.decode(data)
    except msgspec.MsgspecError:
        return None
    return members if members.voters else None


def _with(peers: Sequence[Peer], peer: Peer) -> tuple[Peer, ...]:
    return tuple(sorted((*peers, peer), key=lambda each: each.node))


def _without(peers: Sequence[Peer], node: NodeId) -> tuple[Peer, ...]:
    return tuple(each for each in peers if each.node != node)


def changed(members: Members, change: Change) -> Members | Refusal:
    """Return the members after one change, the same ones when it is true already."""
    match change:
        case AddLearner(peer):
            return _add(members, peer)
        case Promote(node):
            return _promote(members, node)
        case Remove(node):
            return _remove(members, node)


def _add(members: Members, peer: Peer) -> Members | Refusal:
    present = [each for each in (*members.voters, *members.learners) if each.node == peer.node]
    if peer in present:
        return members
    if present:
        return Refusal(
            "other_address",
            f"{peer.node} is a member at {present[0].address}, not {peer.address}: remove it before "
            "it is added at another address",
        )
    return Members(members.voters, _with(members.learners, peer))


def _promote(members: Members, node: NodeId) -> Members | Refusal:
    if any(each.node == node for each in members.voters):
        return members
    if len(members.voters) >= MAX_VOTERS:
        return Refusal(
            "enough_voters",
            f"{len(members.voters)} members vote, the most is {MAX_VOTERS}: {node} stays a learner "
            "until one of them is removed",
        )
    for learner in members.learners:
        if learner.node == node:
            return Members(_with(members.voters, learner), _without(members.learners, node))
    return Refusal("unknown_member", f"{node} is no member: add it as a learner first")


def _remove(members: Members, node: NodeId) -> Members | Refusal:
    voters = _without(members.voters, node)
    if not voters:
        return Refusal("last_voter", f"{node} is the last voter: nobody would be left")
    return Members(voters, _without(members.learners, node))


def majority_value(values: Sequence[int]) -> int:
    """Return the highest value that a majority reaches.

    Sorted ascending, all from place (n - 1) // 2 on reach it: 2 of 3, 3 of 4, 3 of 5.
    """
    return sorted(values)[(len(values) - 1) // 2]


class Membership:
    """The members as of every index from the last snapshot on."""

    __slots__ = ("_history", "all", "changed", "current", "voters")

    def __init__(self, index: int, members: Members) -> None:
        self._history = [(index, members)]
        self.changed = False
        self._refresh()

    def _refresh(self) -> None:
        self.current = self._history[-1][1]
        self.voters = frozenset(peer.node for peer in self.current.voters)
        self.all = self.voters | {peer.node for peer in self.current.learners}

    @property
    def index(self) -> int:
        """Index of the entry the current members come from."""
        return self._history[-1][0]

    def at(self, index: int) -> Members:
        """Return the members as of an entry."""
        for since, members in reversed(self._history):
            if since <= index:
                return members
        return self._history[0][1]

    def append(self, index: int, members: Members) -> None:
        """Let `members` count from the entry at `index` on."""
        self._history.append((index, members))
        self.changed = True
        self._refresh()

    def truncate(self, index: int) -> None:
        """Roll back changes that stood at or after `index`."""
        before = len(self._history)
        while len(self._history) > 1 and self._history[-1][0] >= index:
            self._history.pop()
        if len(self._history) != before:
            self.changed = True
            self._refresh()

    def reset(self, index: int, members: Members) -> None:
        """Begin anew after a snapshot."""
        self._history = [(index, members)]
        self.changed = True
        self._refresh()

    def drop_before(self, index: int) -> None:
        """Forget changes that a later one, before `index`, replaced."""
        while len(self._history) > 1 and self._history[1][0] < index:
            del self._history[0]
