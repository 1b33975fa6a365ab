"""What Raft rests on, looked at from inside: broken here, something is lost sooner or later.

These see a fault in the moment it is made, where clients see it only when several come together.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aether.core.model.ids import NodeId
from aether.core.raft.entries import Members
from aether.store.native.replica import Replica
from aether_forge.sim.raft.member import SimMember


@dataclass(frozen=True, slots=True)
class Inside:
    """What is looked at of a running member."""

    commit: int
    durable: int
    """Entries up to here are on its disk."""
    term_at: Callable[[int], int | None]
    members_at: Callable[[int], Members]
    pending_changes: int
    """Changes of members of the present term in its log that are not committed."""


def inside(replica: Replica) -> Inside:
    """Look into a replica."""
    raft = replica._raft  # noqa: SLF001 - what is inside is what these rules are about
    commit = raft.commit
    history = raft._local.membership._history  # noqa: SLF001 - as above
    return Inside(
        commit=commit,
        durable=replica._durability.durable,  # noqa: SLF001 - as above
        term_at=raft.term_at,
        members_at=raft.members_at,
        pending_changes=sum(
            since > commit and raft.term_at(since) == raft.term for since, _ in history[1:]
        ),
    )


class Invariants:
    """Compares what leaders do with what all members hold."""

    def __init__(
        self, complain: Callable[[str], None], members: Mapping[NodeId, SimMember]
    ) -> None:
        self._complain = complain
        self._members = members
        self._newest = (0, 0)
        """Index and term of the newest entry anybody applied."""
        self._commits: dict[tuple[NodeId, int, int], int] = {}
        """Commit index of each leader at its last turn, by node, life and term."""

    def applied(self, member: SimMember, replica: Replica) -> None:
        """Look at a member that applied something."""
        if replica.applied <= self._newest[0]:
            return
        view = inside(replica)
        term = view.term_at(replica.applied)
        if term is None:
            return
        self._newest = (replica.applied, term)
        if replica.leader == member.node:
            self._is_held(member.node, view, replica)

    def _is_held(self, leader: NodeId, view: Inside, replica: Replica) -> None:
        """Complain unless what was applied first is on the disks of a majority."""
        index, term = self._newest
        for members in (view.members_at(index), replica.members):
            voters = [peer.node for peer in members.voters]
            if 2 * sum(self._holds(node, index, term) for node in voters) > len(voters):
                return
        held = [node for node in self._members if self._holds(node, index, term)]
        self._complain(
            f"{leader} committed entry {index} of term {term}, which is on the disks of {held} only"
        )

    def _holds(self, node: NodeId, index: int, term: int) -> bool:
        """Whether an entry is on a member's disk; of one that does not run nobody can say."""
        replica = self._members[node].replica
        if replica is None or not replica.term:
            return True
        view = inside(replica)
        return view.durable >= index and view.term_at(index) in (term, None)

    def led(self, member: SimMember, replica: Replica) -> None:
        """Look at a leader after a turn."""
        view, term = inside(replica), replica.term
        key = (member.node, member.life, term)
        before = self._commits.get(key)
        if before is None:
            self._is_complete(member.node, view, term)
        elif view.commit > before and view.term_at(view.commit) != term:
            self._complain(
                f"{member.node} leads in term {term} and committed entry {view.commit} of "
                f"term {view.term_at(view.commit)} by counting"
            )
        self._commits[key] = view.commit
        if view.pending_changes > 1:
            self._complain(f"{member.node} changes members {view.pending_changes} times at once")

    def _is_complete(self, node: NodeId, view: Inside, term: int) -> None:
        """Complain unless who became leader has every entry that was committed."""
        index, of_term = self._newest
        if term > of_term and view.term_at(index) not in (of_term, None):
            self._complain(
                f"{node} became leader of term {term} with an entry {index} of term "
                f"{view.term_at(index)}; one of term {of_term} was committed there"
            )
        elif term > of_term and view.durable < index and view.term_at(index) is None:
            self._complain(
                f"{node} became leader of term {term} without the committed entry {index}"
            )
