"""Which endpoint takes the next request, and what the outcomes of requests say about endpoints.

Order of decisions: a rule's version, else a version by weight (smooth turns, or by the client's
key); within the version the affinity's instance, else the nearest by the slice's strategy. Passed
over are instances that were tried, are ejected, have an open breaker, or are at their concurrency
limit. Ejected ones are used all the same when nothing else was left; open breakers and limits hold.

The caller owes one `ended` for each `started`, and `started` in the same turn of its loop as the `pick`
it follows. Counts, ejections and breakers live across tables for as long as an instance keeps its
address. Equal seeds and equal calls give equal picks.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from enum import Enum
from math import inf
from typing import Final

from aether.core.dataplane.draws import Draws
from aether.core.dataplane.ejection import is_worse, most_ejected
from aether.core.dataplane.members import WARM, Member
from aether.core.dataplane.rows import Endpoint, SlicePolicy
from aether.core.dataplane.slice_balance import Choice, Refusal, SliceBalance
from aether.core.model.ids import InstanceId, SliceBase

__all__ = ["Balancer", "Choice", "Outcome", "Refusal"]


class Outcome(Enum):
    """How a request to an endpoint ended."""

    OK = "ok"
    """Answered, with a status below 500."""
    ERROR = "error"
    """Answered with a status of 500 or above."""
    FAILED = "failed"
    """No whole answer: connecting failed, the connection was lost, or the time was over."""
    UNREACHABLE = "unreachable"
    """No connection to the address: as FAILED, for all instances behind the same mesh address."""
    CANCELLED = "cancelled"
    """Given up by the client, or overtaken: says nothing about the endpoint."""


_OK: Final = Outcome.OK


class Balancer:
    """Balance of all slices of one router; `now` is seconds of a monotonic clock."""

    def __init__(self, *, seed: int = 0, zone: str = "", workers: int = 1) -> None:
        """`workers` is how many processes share this router's concurrency limits."""
        self.zone = zone
        """Zone of this router's node; set before `configure` when a table says otherwise."""
        self._workers = workers
        self._draws = Draws(seed)
        self._slices: dict[SliceBase, SliceBalance] = {}
        self._members: dict[InstanceId, Member] = {}
        self._departed: dict[tuple[InstanceId, str], Member] = {}
        """Members that left the table with requests under way."""
        self._by_mesh: dict[str, list[Member]] | None = None
        """Members by mesh address, put together when one cannot be reached."""
        self._has_begun = False

    # -- tables

    def configure(
        self, policies: Iterable[SlicePolicy], endpoints: Iterable[Endpoint], now: float
    ) -> None:
        """Go by a new table. What is in the first one is taken for warm (see `slow_start`)."""
        by_slice: dict[SliceBase, list[Endpoint]] = {}
        for endpoint in endpoints:
            by_slice.setdefault(endpoint.slice, []).append(endpoint)
        policy_of = {policy.slice: policy for policy in policies}
        before, self._members = self._members, {}
        old, self._slices = self._slices, {}
        since = now if self._has_begun else WARM
        for base, listed in by_slice.items():
            policy = self._own(policy_of.get(base) or SlicePolicy(slice=base))
            slice_ = old.get(base) or SliceBalance(policy, self._draws)
            self._slices[base] = slice_
            if slice_.is_as_before(policy, self.zone, tuple(listed)):
                self._members.update(slice_.by_instance)
            else:
                members = [self._member(before, endpoint, since) for endpoint in listed]
                self._members.update((member.instance, member) for member in members)
                slice_.configure(policy, self.zone, members, now)
        self._has_begun = self._has_begun or bool(by_slice)
        self._by_mesh = None
        self._keep_departed(before.values())

    def _own(self, policy: SlicePolicy) -> SlicePolicy:
        """Return a policy with this worker's part of the concurrency limit, rounded up."""
        if self._workers == 1 or not policy.concurrency:
            return policy
        return replace(policy, concurrency=-(-policy.concurrency // self._workers))

    def _member(
        self, before: Mapping[InstanceId, Member], endpoint: Endpoint, since: float
    ) -> Member:
        """Return the member of an endpoint: the one it was, when it is where it was."""
        member = before.get(endpoint.instance)
        if member is None or member.endpoint.address != endpoint.address:
            member = self._departed.pop((endpoint.instance, endpoint.address), None)
        if member is None:
            return Member(endpoint, since)
        member.endpoint = endpoint
        return member

    def _keep_departed(self, before: Iterable[Member]) -> None:
        """Remember who left with requests under way, until those have ended."""
        gone = [each for each in before if self._members.get(each.instance) is not each]
        self._departed = {
            (member.instance, member.endpoint.address): member
            for member in (*self._departed.values(), *gone)
            if member.in_flight
        }

    # -- requests

    def pick(
        self, choice: Choice, tried: Collection[InstanceId], now: float
    ) -> Endpoint | Refusal | None:
        """Return the endpoint that takes a request.

        None: all that may take it were tried, or none is in the table. Refusal.BUSY: those that
        were not are at their concurrency limit or have an open breaker.
        """
        slice_ = self._slices.get(choice.slice)
        if slice_ is None:
            return None
        if now >= slice_.recheck_at:
            slice_.refresh(now)
        among_all = choice.endpoints is slice_.endpoints or slice_.has_endpoints(choice.endpoints)
        if among_all and not tried:
            ring = slice_.only
            if choice.key or choice.version or choice.sticky:
                taken = slice_.take_by_key(choice) if choice.key and not choice.version else None
            elif ring is None:
                taken = slice_.take(now)
            else:
                taken = ring.members[ring.turn]
                ring.advance()
                if taken.in_flight >= slice_.limit:
                    taken = None
            if taken is not None:
                return taken.endpoint
        return slice_.search(choice, tried, now, among_all=among_all)

    def started(self, endpoint: Endpoint) -> None:
        """Count a request that was handed to an endpoint; raise RuntimeError for an unknown one."""
        member = self._members.get(endpoint.instance)
        if member is None or member.endpoint is not endpoint:
            member = self._known(endpoint)
        member.in_flight += 1
        breaker = member.breaker
        if not breaker.is_quiet and not breaker.is_closed:
            member.breaker.started()
            self._look_again(member)

    def ended(
        self, endpoint: Endpoint, outcome: Outcome, seconds: float, now: float
    ) -> float | None:
        """Note the end of a request `seconds` after its `started`; return those of a new ejection.

        Raises RuntimeError when nothing was started that could end.
        """
        member = self._members.get(endpoint.instance)
        if member is None or member.endpoint is not endpoint:
            member = self._known(endpoint)
        if member.in_flight <= 0:
            raise RuntimeError(f"a request to {endpoint.instance} ended that was never started")
        member.in_flight -= 1
        if outcome is _OK and member.breaker.is_quiet:
            member.record.good(now)
            return None
        return self._note(member, outcome, now - seconds, now)

    def in_flight(self, endpoint: Endpoint) -> int:
        """Return how many requests to an endpoint are under way."""
        member = self._find(endpoint)
        return member.in_flight if member is not None else 0

    def is_ejected(self, endpoint: Endpoint, now: float) -> bool:
        """Whether an endpoint is set aside at `now`."""
        member = self._find(endpoint)
        return member is not None and member.record.is_ejected(now)

    def _find(self, endpoint: Endpoint) -> Member | None:
        member = self._members.get(endpoint.instance)
        if member is not None and member.endpoint.address == endpoint.address:
            return member
        return self._departed.get((endpoint.instance, endpoint.address))

    def _known(self, endpoint: Endpoint) -> Member:
        member = self._find(endpoint)
        if member is None:
            raise RuntimeError(f"{endpoint.instance} at {endpoint.address} was never in the table")
        return member

    # -- what outcomes say

    def _note(self, member: Member, outcome: Outcome, began: float, now: float) -> float | None:
        seconds = self._weigh(member, outcome, began, now)
        if outcome is Outcome.UNREACHABLE and member.endpoint.mesh:
            for sibling in self._behind(member.endpoint.mesh):
                if sibling is not member:
                    self._weigh(sibling, Outcome.FAILED, now, now)
        if not member.in_flight and member.breaker.idle():
            self._look_again(member)
        return seconds

    def _behind(self, mesh: str) -> Sequence[Member]:
        if self._by_mesh is None:
            self._by_mesh = {}
            for member in self._members.values():
                self._by_mesh.setdefault(member.endpoint.mesh, []).append(member)
        return self._by_mesh.get(mesh, ())

    def _weigh(self, member: Member, outcome: Outcome, began: float, now: float) -> float | None:
        """Count one outcome for one member; return the seconds of a new ejection."""
        breaker, record = member.breaker, member.record
        seconds = None
        if outcome is Outcome.CANCELLED:
            changed = breaker.cancelled(began)
        elif outcome is Outcome.OK:
            changed = breaker.answered(began)
            record.good(now)
        elif outcome is Outcome.ERROR:
            changed = breaker.answered(began)
            record.bad(now)
            if record.is_suspect(now):
                seconds = self._eject(member, began, now, is_failure=False)
        else:
            changed = breaker.failed(began, now)
            record.bad(now)
            seconds = self._eject(member, began, now, is_failure=True)
        if changed or seconds is not None:
            self._look_again(member)
        return seconds

    def _eject(self, member: Member, began: float, now: float, *, is_failure: bool) -> float | None:
        """Set a member aside where that is due and allowed; return for how many seconds."""
        slice_ = self._slices.get(member.endpoint.slice)
        if slice_ is None or not slice_.has(member) or began < member.record.until:
            return None
        others = [each.record for each in slice_.members if each is not member]
        if sum(each.is_ejected(now) for each in others) >= most_ejected(len(others) + 1):
            return None
        if not is_failure and not is_worse(member.record, others, now):
            return None
        return member.record.eject(now)

    def _look_again(self, member: Member) -> None:
        slice_ = self._slices.get(member.endpoint.slice)
        if slice_ is not None:
            slice_.recheck_at = -inf
