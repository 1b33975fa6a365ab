"""Which endpoint takes the next request, and what the outcomes of requests say about endpoints.

Order of decisions: a rule's version, else a version by weight (smooth turns, or by the client's
key); within the version the affinity's instance, else the nearest by the slice's strategy. Passed
over are instances that were tried, are ejected, have an open breaker, or are at their concurrency
limit. Ejected ones are used all the same when nothing else was left; open breakers and limits hold.

The caller owes one `ended` for each `started`, and `started` in the same turn of its loop as the `pick`
it follows. Counts, ejections and breakers live across tables for as long as an instance keeps its
address. Equal seeds and equal calls give equal picks.
"""

from collections.abc import Collection, Iterable
from enum import Enum
from math import inf
from typing import overload

from aether.core.dataplane.draws import Draws
from aether.core.dataplane.ejection import is_worse, most_ejected
from aether.core.dataplane.members import WARM, Member
from aether.core.dataplane.rows import Endpoint, SlicePolicy
from aether.core.dataplane.slice_balance import Choice, Refusal, SliceBalance
from aether.core.dataplane.turns import FIRST_EJECTION_S, LONGEST_EJECTION_S, TurnBalancer
from aether.core.model.ids import InstanceId, SliceBase

__all__ = [
    "FIRST_EJECTION_S",
    "LONGEST_EJECTION_S",
    "Balancer",
    "Choice",
    "Outcome",
    "Refusal",
]


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


class Balancer:
    """Balance of all slices of one router; `now` is seconds of a monotonic clock."""

    def __init__(self, *, seed: int = 0, zone: str = "") -> None:
        self.zone = zone
        """Zone of this router's node; set before `configure` when a table says otherwise."""
        self._draws = Draws(seed)
        self._slices: dict[SliceBase, SliceBalance] = {}
        self._members: dict[InstanceId, Member] = {}
        self._departed: dict[tuple[InstanceId, str], Member] = {}
        """Members that left the table with requests under way."""
        self._by_mesh: dict[str, list[Member]] = {}
        self._began = False
        self._turns = turns = TurnBalancer()
        self.failed, self.succeeded, self.retain = turns.failed, turns.succeeded, turns.retain

    # -- tables

    def configure(
        self, policies: Iterable[SlicePolicy], endpoints: Iterable[Endpoint], now: float
    ) -> None:
        """Go by a new table. What is in the first one is taken for warm (see slow start)."""
        by_slice: dict[SliceBase, list[Endpoint]] = {}
        for endpoint in endpoints:
            by_slice.setdefault(endpoint.slice, []).append(endpoint)
        since = now if self._began else WARM
        self._began = self._began or bool(by_slice)
        policy_of = {policy.slice: policy for policy in policies}
        before, self._members = self._members, {}
        slices: dict[SliceBase, SliceBalance] = {}
        for base, listed in by_slice.items():
            members = [self._keep(before, endpoint, since) for endpoint in listed]
            policy = policy_of.get(base) or SlicePolicy(slice=base)
            kept = self._slices.get(base) or SliceBalance(policy, self._draws)
            kept.configure(policy, self.zone, members, now)
            slices[base] = kept
        self._slices = slices
        self._departed = {
            place: member for place, member in self._departed.items() if member.in_flight
        }
        for member in before.values():
            if member.in_flight and self._members.get(member.instance) is not member:
                self._departed[member.instance, member.endpoint.address] = member
        self._by_mesh = {}
        for member in self._members.values():
            if member.endpoint.mesh:
                self._by_mesh.setdefault(member.endpoint.mesh, []).append(member)

    def _keep(self, before: dict[InstanceId, Member], endpoint: Endpoint, since: float) -> Member:
        """Return the member of an endpoint: the one it was, when it is where it was."""
        member = before.get(endpoint.instance)
        if member is None or member.endpoint.address != endpoint.address:
            member = self._departed.pop((endpoint.instance, endpoint.address), None)
        if member is None:
            member = Member(endpoint, since)
        member.endpoint = endpoint
        self._members[endpoint.instance] = member
        return member

    # -- requests

    @overload
    def pick(
        self, choice: Choice, tried: Collection[InstanceId], now: float
    ) -> Endpoint | Refusal | None: ...

    @overload
    def pick(
        self,
        choice: SliceBase,
        tried: tuple[Endpoint, ...],
        now: Collection[InstanceId],
        late: float,
    ) -> Endpoint | None: ...

    def pick(self, choice, tried, now, late=None):  # type: ignore[no-untyped-def]
        """Return the endpoint that takes a request.

        None: all that may take it were tried, or none is in the table. Refusal.BUSY: those that
        were not are at their concurrency limit or have an open breaker.
        """
        if late is not None:
            return self._turns.pick(choice, tried, now, late)
        return self._pick(choice, tried, now)

    def _pick(
        self, choice: Choice, tried: Collection[InstanceId], now: float
    ) -> Endpoint | Refusal | None:
        slice_ = self._slices.get(choice.slice)
        if slice_ is None:
            return None
        if now >= slice_.recheck_at:
            slice_.refresh(now)
        among_all = choice.endpoints is slice_.endpoints or slice_.has_endpoints(choice.endpoints)
        if among_all and not (tried or choice.key or choice.version or choice.sticky):
            ring = slice_.only
            if ring is None:
                taken = slice_.take(now)
                if taken is not None:
                    return taken.endpoint
            else:
                turn = ring.turn
                member = ring.members[turn]
                if member.in_flight < slice_.limit:
                    turn += 1
                    ring.turn = turn if turn < len(ring.members) else 0
                    return member.endpoint
        return slice_.search(choice, tried, now, among_all=among_all)

    def started(self, endpoint: Endpoint) -> None:
        """Count a request that was handed to an endpoint; raise RuntimeError for an unknown one."""
        member = self._members.get(endpoint.instance)
        if member is None or member.endpoint is not endpoint:
            member = self._find(endpoint)
        member.in_flight += 1
        if not member.breaker.is_closed:
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
            member = self._find(endpoint)
        if member.in_flight <= 0:
            raise RuntimeError(f"a request to {endpoint.instance} ended that was never started")
        member.in_flight -= 1
        if outcome is Outcome.OK and member.breaker.is_quiet:
            member.record.good(now)
            return None
        return self._note(member, outcome, now - seconds, now)

    def in_flight(self, endpoint: Endpoint) -> int:
        """Return how many requests to an endpoint are under way."""
        return self._find(endpoint).in_flight

    def is_ejected(self, endpoint: Endpoint | str, now: float) -> bool:
        """Whether an endpoint is set aside at `now`."""
        if isinstance(endpoint, str):
            return self._turns.is_ejected(endpoint, now)
        return self._find(endpoint).record.is_ejected(now)

    def _find(self, endpoint: Endpoint) -> Member:
        member = self._members.get(endpoint.instance)
        if member is None or member.endpoint.address != endpoint.address:
            member = self._departed.get((endpoint.instance, endpoint.address))
        if member is None:
            raise RuntimeError(f"{endpoint.instance} at {endpoint.address} was never picked")
        return member

    # -- what outcomes say

    def _note(self, member: Member, outcome: Outcome, began: float, now: float) -> float | None:
        seconds = self._weigh(member, outcome, began, now)
        if outcome is Outcome.UNREACHABLE:
            for sibling in self._by_mesh.get(member.endpoint.mesh, ()):
                if sibling is not member:
                    self._weigh(sibling, Outcome.FAILED, now, now)
        if not member.in_flight:
            member.breaker.idle()
        return seconds

    def _weigh(self, member: Member, outcome: Outcome, began: float, now: float) -> float | None:
        """Count one outcome for one member; return the seconds of a new ejection."""
        breaker, record = member.breaker, member.record
        if outcome is Outcome.CANCELLED:
            breaker.cancelled(began)
            if not breaker.is_closed:
                self._look_again(member)
            return None
        is_failure = outcome is Outcome.FAILED or outcome is Outcome.UNREACHABLE
        changed = breaker.failed(began, now) if is_failure else breaker.answered(began)
        if outcome is Outcome.OK:
            record.good(now)
            seconds = None
        else:
            record.bad(now)
            seconds = self._eject(member, began, now, is_failure=is_failure)
        if changed or seconds is not None:
            self._look_again(member)
        return seconds

    def _eject(self, member: Member, began: float, now: float, *, is_failure: bool) -> float | None:
        slice_ = self._slices.get(member.endpoint.slice)
        record = member.record
        if slice_ is None or began < record.until:
            return None
        others = [each for each in slice_.members if each is not member]
        ejected = sum(1 for each in others if each.record.is_ejected(now))
        if len(others) == len(slice_.members) or ejected >= most_ejected(len(slice_.members)):
            return None
        if not is_failure:
            if not record.is_suspect(now):
                return None
            counts = [each.record.counts(now) for each in others]
            total, errors = sum(each[0] for each in counts), sum(each[1] for each in counts)
            if not is_worse(record.counts(now), (total, errors)):
                return None
        return record.eject(now)

    def _look_again(self, member: Member) -> None:
        slice_ = self._slices.get(member.endpoint.slice)
        if slice_ is not None:
            slice_.recheck_at = -inf
