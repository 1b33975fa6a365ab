"""Changes of members and transfers of leadership, asked of any member, decided by the leader.

They are rare and may be repeated: whatever was lost on the way is asked again until the deadline.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from aether.core.model.ids import NodeId
from aether.core.raft.values import Change
from aether.store.native.packets import ChangeRequest, TransferRequest, change_request
from aether.store.native.results import Done, Refused, Result, Unknown

MOST_REQUESTS = 256
RETRY_S = 0.1
"""Between two attempts to have a request decided."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """Leadership to `target`, or to whoever is most up to date when it is None."""

    target: NodeId | None


Wish = Change | Transfer


@dataclass(slots=True, eq=False)
class Request:
    """One wish on its way."""

    wish: Wish
    done: Done
    deadline: float
    retry_at: float = -math.inf
    seq: int = 0
    """Of the attempt another member is deciding; 0 for none."""
    target: NodeId | None = None
    """The member that is."""
    asked: NodeId | None = None
    """The member that was asked last, and may have carried it out."""


class Requests:
    """The wishes one member has in hand."""

    def __init__(self, first_seq: int) -> None:
        self._seq = first_seq
        self._open: list[Request] = []

    def __len__(self) -> int:
        """How many are in hand."""
        return len(self._open)

    @property
    def wake_at(self) -> float:
        """When something is to be done about one."""
        return min(
            (
                each.deadline if each.seq else min(each.deadline, each.retry_at)
                for each in self._open
            ),
            default=math.inf,
        )

    def add(self, wish: Wish, done: Done, deadline: float) -> None:
        """Take a wish; refused as `busy` when there are too many."""
        if len(self._open) >= MOST_REQUESTS:
            done(Refused("busy", f"{MOST_REQUESTS} membership requests are in hand already"))
            return
        self._open.append(Request(wish, done, deadline))

    def due(self, now: float) -> Iterator[Request]:
        """Yield those to be handed to the leader now."""
        return (each for each in list(self._open) if not each.seq and each.retry_at <= now)

    def sent(self, request: Request, target: NodeId, now: float) -> ChangeRequest | TransferRequest:
        """Note that `target` is asked; return the packet that asks it."""
        self._seq += 1
        request.seq, request.target, request.asked = self._seq, target, target
        timeout_ms = max(1, int((request.deadline - now) * 1000))
        if isinstance(request.wish, Transfer):
            return TransferRequest(self._seq, request.wish.target or "", timeout_ms)
        return change_request(self._seq, request.wish, timeout_ms)

    def undecided(self, request: Request, now: float) -> None:
        """Have a request tried again after a while."""
        request.seq, request.target, request.retry_at = 0, None, now + RETRY_S

    def decided(self, request: Request, result: Result) -> None:
        """End a request; once only."""
        if request in self._open:
            self._open.remove(request)
            request.done(result)

    def answered(self, sender: NodeId, seq: int) -> Request | None:
        """Return the request that `sender` answers, if it is under way."""
        return next((r for r in self._open if r.seq == seq and r.target == sender), None)

    def lost(self, target: NodeId | None, now: float) -> None:
        """Try again what `target`, or anybody, was asked."""
        for each in self._open:
            if each.seq and (target is None or each.target == target):
                self.undecided(each, now)

    def expire(self, now: float) -> None:
        """End what is past its deadline."""
        self._end(lambda each: each.deadline <= now, "no_leader", "the deadline passed")

    def close(self, code: str, why: str) -> None:
        """End everything."""
        self._end(lambda _: True, code, why)

    def _end(self, which: Callable[[Request], bool], code: str, why: str) -> None:
        for each in [each for each in self._open if which(each)]:
            self.decided(each, Unknown(why) if each.asked else Refused(code, why))
