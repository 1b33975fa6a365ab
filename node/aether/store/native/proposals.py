"""Commands between their submission and their outcome, wherever they wait.

A command is *queued* here, then handed to a leader: this member's own Raft, or the leader by a
*forward*. Accepted, it stands at an index of the log and waits until that index is applied. Every
one ends exactly once: with its result, as refused when it surely stands nowhere, else as unknown.
"""

import math
from collections.abc import Sequence
from itertools import chain

import msgspec

from aether.core.model.ids import NodeId
from aether.store.native.results import Applied, Done, Refused, Result, Unknown


class Waiting(msgspec.Struct, eq=False):
    """One request and whom to tell what became of it."""

    command: bytes
    done: Done
    deadline: float
    term: int = 0
    """Of the log entry it became."""


class _Forwarded:
    """Commands another member was asked to propose."""

    __slots__ = ("target", "waiting")

    def __init__(self, target: NodeId, waiting: list[Waiting]) -> None:
        self.target = target
        self.waiting = waiting

    def expire(self, now: float) -> list[Waiting]:
        """Return what waited past its deadline; the others keep their places.

        The answer to a forward tells the index of its first command alone.
        """
        late = [each for each in self.waiting if each.deadline <= now]
        if late:
            self.waiting = [_GONE if each.deadline <= now else each for each in self.waiting]
        return late


def _nobody(_result: Result) -> None:
    """Take a result nobody waits for."""


_GONE = Waiting(b"", _nobody, math.inf)
"""Stands in a forward where a command was whose deadline passed."""


class Proposals:
    """The commands one member has in hand, bounded by `most`."""

    def __init__(self, most: int, first_seq: int) -> None:
        self._most = most
        self._seq = first_seq
        self._queued: list[Waiting] = []
        self._forwarded: dict[int, _Forwarded] = {}
        self.standing: dict[int, Waiting] = {}
        """What waits to be applied, by index."""
        self._next_deadline = math.inf
        """Not above any deadline; below all of them once the earliest has been met."""

    def __len__(self) -> int:
        """How many wait, in batches in flight too."""
        in_forwards = sum(len(each.waiting) for each in self._forwarded.values())
        return len(self._queued) + len(self.standing) + in_forwards

    @property
    def queued(self) -> int:
        """How many no leader was asked to take yet."""
        return len(self._queued)

    @property
    def wake_at(self) -> float:
        """When `expire` may have something to do."""
        return self._next_deadline

    def submit(self, command: bytes, done: Done, deadline: float) -> None:
        """Queue a command; refused as `busy` when too many wait."""
        if len(self._queued) + len(self.standing) >= self._most or (
            self._forwarded and len(self) >= self._most
        ):
            done(Refused("busy", f"{self._most} requests wait for consensus already"))
            return
        self._queued.append(Waiting(command, done, deadline))
        self._next_deadline = min(self._next_deadline, deadline)

    def take_queued(self) -> list[Waiting]:
        """Return what waits to be handed to a leader; the caller hands it on or gives it back."""
        taken, self._queued = self._queued, []
        return taken

    def give_back(self, waiting: Sequence[Waiting]) -> None:
        """Queue again, before the others, what no leader took."""
        self._queued[:0] = waiting

    def accepted(self, first_index: int, term: int, waiting: Sequence[Waiting]) -> None:
        """Note that commands stand in the log of the leader of `term` from `first_index` on.

        None of these indexes has been applied here.
        """
        for each in waiting:
            if each is _GONE:
                continue
            each.term = term
        indexes = range(first_index, first_index + len(waiting))
        if not self.standing:
            self.standing.update(zip(indexes, waiting, strict=True))
            return
        for index, each in zip(indexes, waiting, strict=True):
            other = self.standing.get(index)
            if other is not None:
                # A leader of a later term has no entry there but its own.
                stays, goes = (each, other) if each.term > other.term else (other, each)
                goes.done(_superseded(index, stays.term))
                self.standing[index] = stays
            else:
                self.standing[index] = each

    def await_index(self, index: int, term: int, done: Done, deadline: float) -> None:
        """Tell `done` what the entry of `term` at `index`, not applied yet, comes to."""
        self.accepted(index, term, [Waiting(b"", done, deadline)])
        self._next_deadline = min(self._next_deadline, deadline)

    def forwarded(self, target: NodeId, waiting: list[Waiting]) -> int:
        """Note that `target` is asked to propose commands; return the number of the forward."""
        self._seq += 1
        self._forwarded[self._seq] = _Forwarded(target, waiting)
        return self._seq

    def answered(self, sender: NodeId, seq: int) -> list[Waiting]:
        """Return the commands of a forward that `sender` answers; none if it is not under way."""
        forward = self._forwarded.get(seq)
        if forward is None or forward.target != sender:
            return []
        del self._forwarded[seq]
        return forward.waiting

    def applied(self, index: int, term: int, data: bytes) -> None:
        """Tell whoever waits for `index` what the entry of `term` there came to."""
        waiting = self.standing.pop(index, None)
        if waiting is None:
            return
        if waiting.term == term:
            waiting.done(Applied(data))
        else:
            waiting.done(_superseded(index, term))

    def skipped_to(self, index: int) -> None:
        """Give up on what stands at or before `index`: a snapshot went past it."""
        for passed in [each for each in self.standing if each <= index]:
            self.standing.pop(passed).done(Unknown("a snapshot replaced the log it stood in"))

    def lost(self, target: NodeId | None, why: str) -> None:
        """Give up on answers to forwards from `target`, or from everybody."""
        for seq, forward in list(self._forwarded.items()):
            if target is None or forward.target == target:
                del self._forwarded[seq]
                for each in forward.waiting:
                    each.done(Unknown(why))

    def expire(self, now: float) -> None:
        """End what waited past its deadline."""
        if now < self._next_deadline:
            return
        refused = Refused("no_leader", "no leader took it before the deadline")
        queued = [each for each in self._queued if each.deadline <= now]
        self._queued = [each for each in self._queued if each.deadline > now]
        under_way = [
            self.standing.pop(index)
            for index in [index for index, each in self.standing.items() if each.deadline <= now]
        ]
        for seq, forward in list(self._forwarded.items()):
            under_way.extend(forward.expire(now))
            if all(each is _GONE for each in forward.waiting):
                del self._forwarded[seq]
        self._next_deadline = min((each.deadline for each in self._all()), default=math.inf)
        for each in queued:
            each.done(refused)
        for each in under_way:
            each.done(Unknown("the deadline passed while it was under way"))

    def close(self, code: str, why: str) -> None:
        """End everything: refused what no leader was asked to take, unknown the rest."""
        queued, self._queued = self._queued, []
        rest = [*self.standing.values()]
        rest += chain.from_iterable(each.waiting for each in self._forwarded.values())
        self.standing.clear()
        self._forwarded.clear()
        self._next_deadline = math.inf
        for each in queued:
            each.done(Refused(code, why))
        for each in rest:
            each.done(Unknown(why))

    def _all(self) -> chain[Waiting]:
        return chain(
            self._queued,
            self.standing.values(),
            chain.from_iterable(each.waiting for each in self._forwarded.values()),
        )


def _superseded(index: int, term: int) -> Refused:
    return Refused("superseded", f"an entry of term {term} stands at index {index} instead")
