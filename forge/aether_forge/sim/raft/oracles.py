"""What must be true of members at every turn, and of the whole group once it is at rest."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from aether.core.model.ids import NodeId
from aether.core.raft.values import Role
from aether_forge.sim.raft.history import WRITE, History, Operation
from aether_forge.sim.raft.invariants import Invariants
from aether_forge.sim.raft.linearizable import Undecided, linearizable, minimal
from aether_forge.sim.raft.member import SimMember
from aether_forge.sim.raft.story import Story


@dataclass(slots=True)
class Seen:
    """What was last known of a member's process."""

    life: int = 0
    term: int = 0
    role: str = ""
    applied: int = 0
    condition: str = "ok"


@dataclass(slots=True)
class Turns:
    """Judges every turn of every member."""

    story: Story
    complain: Callable[[str], None]
    counts: Counter[str]
    invariants: Invariants
    seen: dict[NodeId, Seen] = field(default_factory=dict)
    leaders: dict[int, NodeId] = field(default_factory=dict)
    """Who led in each term."""

    def turned(self, member: SimMember) -> None:
        """Look at a member after a turn."""
        replica = member.replica
        if replica is None:
            return
        seen = self.seen.setdefault(member.node, Seen())
        term, role, applied = replica.term, replica.role, replica.applied
        if seen.life == member.life and (term, role, applied) == (
            seen.term,
            seen.role,
            seen.applied,
        ):
            return
        self._check_forwards(member, seen, term, applied)
        if role == Role.LEADER:
            self._leads(member.node, term)
            self.invariants.led(member, replica)
        if applied > seen.applied:
            self.invariants.applied(member, replica)
        if replica.condition != seen.condition:
            self._changed_condition(member, seen, replica.condition)
        if role != seen.role:
            self._changed_role(member, seen.role, role, term)
        seen.term, seen.role, seen.applied = term, role, applied
        self.story.note(member.agenda.now, f"{member.node} {term} {role} {applied}")

    def _check_forwards(self, member: SimMember, seen: Seen, term: int, applied: int) -> None:
        if seen.life != member.life:
            # A term that was never on disk was never promised to anybody: the next life may forget it.
            seen.life, seen.role, seen.term, seen.applied = member.life, "", 0, 0
        if term < seen.term:
            self.complain(f"{member.node} went back from term {seen.term} to {term}")
        if applied < seen.applied:
            self.complain(f"{member.node} went back from index {seen.applied} to {applied}")

    def _changed_condition(self, member: SimMember, seen: Seen, condition: str) -> None:
        before, seen.condition = seen.condition, condition
        self.story.tell(member.agenda.now, f"{member.node} is {condition}")
        if condition == "recovering":
            self.counts["member recovering"] += 1
        elif before == "recovering" and condition == "ok":
            self.counts["member recovered"] += 1

    def _leads(self, node: NodeId, term: int) -> None:
        leader = self.leaders.setdefault(term, node)
        if leader != node:
            self.complain(f"{leader} and {node} both led in term {term}")

    def _changed_role(self, member: SimMember, before: str, role: str, term: int) -> None:
        if role == Role.LEADER:
            self.counts["leader elected"] += 1
            self.story.tell(member.agenda.now, f"{member.node} leads in term {term}")
        if before == Role.LEADER:
            self.counts["leader deposed"] += 1
            self.story.tell(member.agenda.now, f"{member.node} no longer leads; term {term}")
            assert member.replica is not None  # noqa: S101 - it just turned
            status = member.replica.status(member.now())
            if status.last_index > status.commit:
                self.counts["leader deposed with uncommitted entries"] += 1
            if member.node not in {one.node for one in status.members if one.voter}:
                self.counts["leader removed itself"] += 1


def judge(history: History) -> list[str]:
    """Return what is wrong with what clients were told; each with a small history to read."""
    problems = []
    for key, operations in sorted(history.by_key().items()):
        try:
            if linearizable(operations):
                continue
            small = minimal(operations)
        except Undecided as problem:
            problems.append(f"{key}: undecided: {problem}")
            continue
        told = "\n".join(f"    {one}" for one in small)
        problems.append(f"{key}: no order explains these answers:\n{told}")
    return problems


def lost_or_risen(history: History, at_end: Mapping[str, str], who: str) -> list[str]:
    """Return acknowledged writes of unshared keys that are gone, and deletes that came undone."""
    last: dict[str, Operation] = {}
    open_keys: set[str] = set()
    for operation in history.operations:
        if operation.key.startswith("u") and operation.kind == WRITE and not operation.refused:
            last[operation.key] = operation
            if operation.is_open:  # it may take effect at any time, behind later ones too
                open_keys.add(operation.key)
    problems = []
    for key, operation in sorted(last.items()):
        if key in open_keys:
            continue
        found = at_end.get(key)
        if operation.value is not None and found != operation.value:
            problems.append(f"{who} lost an acknowledged write: {operation}")
        if operation.value is None and found is not None:
            problems.append(f"{who} has {found} where a delete was acknowledged: {operation}")
    return problems


def differences(contents: Sequence[tuple[NodeId, Mapping[str, str]]]) -> list[str]:
    """Return which members hold something else than the first, at rest."""
    if not contents:
        return []
    first, expected = contents[0]
    return [
        f"{node} and {first} hold different entries at rest"
        for node, content in contents[1:]
        if content != expected
    ]
