"""Makes a node a voter: first a learner, and promoted once it has caught up."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from aether.core.raft.entries import Peer
from aether.core.raft.values import AddLearner, Change, Promote
from aether.ports import Member
from aether.store.native.requests import MOST_REQUESTS
from aether.store.native.results import Applied, Done, Refused, Result, Unknown

RETRY_S = 0.2
"""Between two attempts to promote a learner that lags."""

_HEALS_ITSELF = frozenset({"lagging", "not_ready", "no_leader", "not_leader", "transferring"})

Ask = Callable[[Change, Done, float, float], None]
"""`Replica.change`: the change, whom to tell, the deadline, the time."""


@dataclass(slots=True, eq=False)
class _Addition:
    member: Member
    done: Done
    deadline: float
    learns: bool = False
    """Whether it is a member already, and is to be promoted."""
    retry_at: float = -math.inf
    """Infinite while an answer is awaited."""
    why: str = "nobody decided on it"


class Additions:
    """The members being added on behalf of callers of this member."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._open: list[_Addition] = []

    @property
    def wake_at(self) -> float:
        """When `step` has something to do."""
        return min((min(each.retry_at, each.deadline) for each in self._open), default=math.inf)

    def add(self, member: Member, done: Done, deadline: float, now: float) -> None:
        """Add a member; `done` is told once it is a learner or, if it is to vote, a voter."""
        if len(self._open) >= MOST_REQUESTS:
            done(Refused("busy", f"{MOST_REQUESTS} members are being added already"))
            return
        addition = _Addition(member, done, deadline)
        self._open.append(addition)
        self._go_on(addition, now)

    def step(self, now: float) -> None:
        """Try again what was refused for a while; end what is past its deadline."""
        if not self._open:
            return
        for each in [each for each in self._open if each.deadline <= now]:
            self._end(each, Unknown(f"the deadline passed: {each.why}"))
        for each in [each for each in self._open if each.retry_at <= now]:
            self._go_on(each, now)

    def close(self, why: str) -> None:
        """End everything."""
        for each in list(self._open):
            self._end(each, Unknown(why))

    def _go_on(self, addition: _Addition, now: float) -> None:
        addition.retry_at = math.inf
        member = addition.member
        if addition.learns:
            change: Change = Promote(member.node)
        else:
            change = AddLearner(Peer(member.node, member.address))

        def decided(result: Result) -> None:
            self._decided(addition, result, now)

        self._ask(change, decided, addition.deadline, now)

    def _decided(self, addition: _Addition, result: Result, asked_at: float) -> None:
        if addition not in self._open:
            return
        if isinstance(result, Applied) and (addition.learns or not addition.member.voter):
            self._end(addition, result)
        elif isinstance(result, Applied):
            addition.learns = True
            addition.retry_at = asked_at
        elif isinstance(result, Refused) and result.code not in _HEALS_ITSELF:
            self._end(addition, result)
        else:
            # Either change may be asked for again: made twice it is made once.
            addition.why = result.message
            addition.retry_at = asked_at + RETRY_S

    def _end(self, addition: _Addition, result: Result) -> None:
        self._open.remove(addition)
        addition.done(result)
